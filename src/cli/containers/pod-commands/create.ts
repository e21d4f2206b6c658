import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { BadRequest } from '../../../base/index.ts';
import type { CreatePod } from '../../../libpod/index.ts';
import { type CommandDefinition, FlagValues, flag, maximumArgs } from '../../grammar/index.ts';
import { configuredNetwork } from '../configuration/create-defaults.ts';
import type { ToolContext } from '../context.ts';
import { createFlags, networkFlags } from '../create/create-flags.ts';
import { createOptionsOf } from '../create/create-options.ts';
import { jsonArray } from '../create/health.ts';
import { registryAccess } from '../image-commands/registry-access.ts';

/** Flags of a container's that are the infra container's here. */
const INFRA_FLAGS = [
  ...['blkio-weight', 'blkio-weight-device', 'cgroup-parent', 'cpu-shares', 'cpus', 'cpuset-cpus'],
  ...['cpuset-mems', 'device', 'device-read-bps', 'device-write-bps', 'gidmap', 'uidmap', 'subuidname'],
  ...['subgidname', 'hostname', 'label', 'label-file', 'memory', 'memory-swap', 'pid', 'security-opt'],
  ...['shm-size', 'sysctl', 'userns', 'uts', 'volume', 'volumes-from'],
];

const DEFAULT_SHARE = 'ipc,net,uts';

export const create: CommandDefinition<ToolContext> = {
  usage: '[options] [NAME]',
  description:
    "After creating the pod, the pod ID is printed to stdout.\n\nYou can then start it at any time with the podman pod start <pod_id> command. The pod will be created with the initial state 'created'.",
  interspersed: false,
  flags: [
    ...networkFlags,
    ...createFlags.filter(({ name }) => INFRA_FLAGS.includes(name)),
    flag('bool', 'infra', 'Create an infra container associated with the pod to share namespaces with', {
      default: true,
    }),
    flag('string', 'infra-command', 'Overwrite the default infra container command'),
    flag(
      'string',
      'infra-conmon-pidfile',
      'Path to the file that will receive the PID of conmon of the infra container',
    ),
    flag('string', 'infra-image', 'Image to use to override builtin infra container'),
    flag('string', 'infra-name', 'Assign a name to the infra container'),
    flag('string', 'name,n', 'Assign a name to the pod'),
    flag('string', 'exit-policy', 'Behaviour when the last container exits', { default: 'continue' }),
    flag('string', 'pod-id-file', 'Write the pod ID to the file'),
    flag('bool', 'replace', 'If a pod with the same name exists, replace it'),
    flag('string', 'share', 'A comma delimited list of kernel namespaces the pod will share', {
      default: DEFAULT_SHARE,
    }),
    flag(
      'bool',
      'share-parent',
      "Set the pod's cgroup as the cgroup parent for all containers joining the pod",
      {
        default: true,
      },
    ),
  ],
  args: maximumArgs(1),
  run: async ({ flags, args, program, commandLine }, context) => {
    const options = podOptionsOf(flags, args, { program, commandLine, context });
    const libpod = await context.libpod();
    if (options.infraImage !== undefined) await pullInfraImage(options.infraImage, context);
    context.stdout.write(`${await libpod.pods.create(options)}\n`);
    return 0;
  },
};

function podOptionsOf(
  flags: FlagValues,
  args: readonly string[],
  call: { program: string; commandLine: readonly string[]; context: ToolContext },
): CreatePod {
  const text = (name: string) => flags.string(name) || undefined;
  if (args[0] !== undefined && text('name') !== undefined)
    throw new BadRequest('cannot specify --name and NAME at the same time');
  const share = flags.string('share')!;
  const sharesNothing = !flags.changed('infra') && (share === 'none' || share === '');
  const infra = flags.bool('infra') && !sharesNothing;
  refuseWithoutInfra(flags, infra, share);
  const name = args[0] ?? text('name');
  const like = containerLike(flags, call);
  const hostname = like.Config.Hostname;
  const conf = call.context.configuration();
  const command = text('infra-command') ?? (infra ? conf.engine.infra_command : undefined);
  const infraImage = text('infra-image') ?? conf.engine.infra_image;
  const exitPolicy = flags.changed('exit-policy') ? undefined : conf.engine.pod_exit_policy;
  return {
    ...(name !== undefined && { name }),
    ...(hostname !== undefined && { hostname }),
    labels: like.Config.Labels ?? {},
    infra,
    ...(infra && { share: share.split(',') }),
    shareParent: flags.bool('share-parent'),
    exitPolicy: (exitPolicy ?? flags.string('exit-policy')) as 'continue',
    ...(infra && infraImage && { infraImage }),
    ...(text('infra-name') !== undefined && { infraName: text('infra-name')! }),
    ...(command !== undefined && { infraCommand: jsonArray(command) ?? [command] }),
    ...(text('infra-conmon-pidfile') !== undefined && { infraConmonPidFile: text('infra-conmon-pidfile')! }),
    hostConfig: { ...like.HostConfig, ...configuredNetwork(like.HostConfig, conf) },
    ...(like.NetworkingConfig && { networkingConfig: like.NetworkingConfig }),
    ...(flags.bool('no-hosts') && { noHosts: true }),
    ...(text('pod-id-file') !== undefined && { podIdFile: resolve(text('pod-id-file')!) }),
    ...(flags.bool('replace') && { replace: true }),
    createCommand: [...call.commandLine],
  };
}

function refuseWithoutInfra(flags: FlagValues, infra: boolean, share: string): void {
  if (infra) {
    if (share.includes('cgroup') && flags.bool('share-parent'))
      throw new BadRequest(
        "cannot define the pod as the cgroup parent at the same time as joining the infra container's cgroupNS: invalid argument",
      );
    return;
  }
  if (flags.changed('no-hosts')) throw new BadRequest('cannot specify --no-hosts without an infra container');
  if (flags.changed('share') && share !== 'none' && share !== '')
    throw new BadRequest(`cannot set share(${share}) namespaces without an infra container`);
}

/** What the flags would make a container of: the infra container's networks, ports, mounts and limits. */
function containerLike(
  flags: FlagValues,
  {
    program,
    commandLine,
    context,
  }: { program: string; commandLine: readonly string[]; context: ToolContext },
) {
  const known = new Set(createFlags.map(({ name }) => name));
  const given = new Map(
    flags
      .names()
      .filter((name) => known.has(name) && name !== 'name' && name !== 'pod-id-file' && name !== 'replace')
      .map((name) => [name, flags.strings(name)] as const),
  );
  const made = createOptionsOf({
    flags: new FlagValues(createFlags, given),
    args: [''],
    program,
    commandLine,
    absolute: (path) => resolve(path),
    caller: {
      environment: context.environment,
      readText: (path) => readFileSync(path === '-' ? '/dev/stdin' : path, 'utf8'),
    },
  });
  return made;
}

async function pullInfraImage(reference: string, context: ToolContext): Promise<void> {
  const images = await context.images();
  if ((await images.resolve(reference)) === undefined)
    await images.pull(reference, { ...registryAccess(context), policy: 'missing' });
}
