import { BadRequest } from '../../../base/index.ts';
import type { ContainerInspect, PodListEntry } from '../../../libpod/index.ts';
import { anyArgs, type CommandDefinition, flag } from '../../grammar/index.ts';
import { goJson } from '../../templates/go-json.ts';
import { asksForJson, renderReport } from '../../templates/report.ts';
import { GoTime } from '../../templates/times.ts';
import { GoNil, goStruct, NIL_MAP, NIL_SLICE } from '../../templates/values.ts';
import type { ToolContext } from '../context.ts';
import { choosePods, latestPodFlag } from './selection.ts';

export const inspect: CommandDefinition<ToolContext> = {
  usage: '[options] POD [POD...]',
  templateFields:
    'ID Name Created CreateCommand ExitPolicy State Hostname Labels Namespace CreateCgroup CgroupParent CgroupPath CreateInfra InfraContainerID InfraConfig SharedNamespaces NumContainers Containers'.split(
      ' ',
    ),
  description:
    'Display the configuration for a pod by name or id\n\nBy default, this will render all results in a JSON array.',
  examples: ['pod inspect podID'],
  flags: [
    flag('string', 'format,f', 'Format the output to a Go template or json', { default: 'json' }),
    latestPodFlag,
  ],
  args: anyArgs,
  run: async ({ args, flags }, context) => {
    if (args.length === 0 && !flags.bool('latest'))
      throw new BadRequest('you must provide the name or id of a running pod');
    const libpod = await context.libpod();
    const chosen = await choosePods(libpod, flags, args);
    const format = flags.string('format')!;
    for (const { id } of chosen) {
      const pod = await libpod.pods.inspect(id);
      const infra = pod.infraId === undefined ? undefined : await libpod.containers.inspect(pod.infraId);
      const data = podData(pod, infra);
      context.stdout.write(
        asksForJson(format)
          ? `${goJson(data, { indent: '     ' })}\n`
          : renderReport({ name: 'inspect', rows: [data], format, columns: '' }),
      );
    }
    return 0;
  },
};

/** Podman's InspectPodData. */
export function podData(pod: PodListEntry, infra: ContainerInspect | undefined): object {
  const host = pod.options.hostConfig ?? {};
  return goStruct('*define.InspectPodData', {
    ...alias('Id', 'ID', pod.id),
    Name: pod.name,
    Created: new GoTime(pod.createdAt),
    ...(pod.options.createCommand?.length && { CreateCommand: pod.options.createCommand }),
    ExitPolicy: pod.exitPolicy,
    State: pod.status,
    Hostname: pod.hostname,
    Labels: Object.keys(pod.labels).length === 0 ? NIL_MAP : pod.labels,
    CreateCgroup: pod.cgroupParent !== '',
    CgroupParent: pod.cgroupParent.replace(/\/[^/]*$/, ''),
    CgroupPath: pod.cgroupParent,
    CreateInfra: infra !== undefined,
    InfraContainerID: pod.infraId ?? '',
    InfraConfig: infra === undefined ? new GoNil('pointer') : infraConfig(pod, infra),
    SharedNamespaces: pod.sharedNamespaces.length === 0 ? NIL_SLICE : pod.sharedNamespaces,
    NumContainers: pod.containers.length,
    Containers: pod.containers.map(({ id, name, status }) =>
      goStruct('define.InspectPodContainerInfo', { ...alias('Id', 'ID', id), Name: name, State: status }),
    ),
    ...(host.CpuShares && { CPUShares: host.CpuShares }),
    ...(host.Memory && { MemoryLimit: host.Memory }),
    ...(host.SecurityOpt?.length && { SecurityOpts: host.SecurityOpt }),
  });
}

function infraConfig(pod: PodListEntry, infra: ContainerInspect): object {
  const { HostConfig: host, NetworkingConfig } = infra.options;
  const endpoints = Object.values(NetworkingConfig?.EndpointsConfig ?? {});
  const list = (values: readonly string[] | undefined) => (values?.length ? values : NIL_SLICE);
  const bindings = Object.entries(host.PortBindings ?? {});
  return goStruct('*define.InspectPodInfraConfig', {
    PortBindings:
      bindings.length === 0
        ? NIL_MAP
        : Object.fromEntries(
            bindings.map(([port, hosts]) => [
              port,
              (hosts ?? []).map(({ HostIp = '', HostPort = '' }) =>
                goStruct('define.InspectHostPort', { HostIp, HostPort }),
              ),
            ]),
          ),
    HostNetwork: host.NetworkMode === 'host',
    StaticIP: endpoints.map((one) => one.IPAMConfig?.IPv4Address).find(Boolean) ?? '',
    StaticMAC: endpoints.map((one) => one.MacAddress).find(Boolean) ?? '',
    NoManageResolvConf: false,
    DNSServer: list(host.Dns),
    DNSSearch: list(host.DnsSearch),
    DNSOption: list(host.DnsOptions),
    NoManageHosts: pod.options.noHosts === true,
    HostAdd: list(host.ExtraHosts),
    Networks: list(pod.networks),
    NetworkOptions: NIL_MAP,
    pid_ns: host.PidMode || 'private',
    userns: host.UsernsMode || 'host',
    uts_ns: host.UTSMode || 'private',
  });
}

/** A field whose name in templates differs from the one in JSON. */
function alias(json: string, template: string, value: string): object {
  return { [json]: value, [template]: () => value };
}
