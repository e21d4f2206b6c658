import { constants } from 'node:os';
import { dirname } from 'node:path';
import type { ContainerInspect } from '../../../libpod/index.ts';
import { GoTime } from '../../templates/times.ts';
import { GoNil, goStruct, NIL_MAP, NIL_SLICE } from '../../templates/values.ts';
import { inspectedHostConfig } from './inspected-host-config.ts';
import { inspectedNetworks } from './inspected-networks.ts';

/** What Podman's `inspect` shows of a container: libpod's define.InspectContainerData, field for field. */
export function inspectedContainer(container: ContainerInspect, imageDigest: string): object {
  const image = container.imageId.replace(/^sha256:/, '');
  // Podman's template sees a list of anything: its errors say so.
  return goStruct('interface {}', {
    Id: container.id,
    Created: new GoTime(container.createdAt),
    Path: container.path,
    Args: container.args,
    State: stateOf(container),
    Image: image,
    ImageDigest: imageDigest,
    ImageName: container.image,
    Rootfs: container.options.Podman?.Rootfs ?? '',
    Pod: container.podId ?? '',
    ResolvConfPath: container.resolvConfPath,
    HostnamePath: container.hostnamePath,
    HostsPath: container.hostsPath,
    StaticDir: dirname(container.ociConfigPath),
    OCIConfigPath: container.ociConfigPath,
    OCIRuntime: container.hostConfig.Runtime || 'runc',
    ConmonPidFile:
      container.options.Podman?.ConmonPidFile ?? `${dirname(container.ociConfigPath)}/conmon.pid`,
    PidFile: container.options.Podman?.PidFile ?? `${dirname(container.ociConfigPath)}/pidfile`,
    Name: container.name,
    RestartCount: container.restarts,
    Driver: 'overlay',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    EffectiveCaps: container.effectiveCapabilities.length === 0 ? NIL_SLICE : container.effectiveCapabilities,
    BoundingCaps: container.boundingCapabilities.length === 0 ? NIL_SLICE : container.boundingCapabilities,
    ExecIDs: container.execIds,
    GraphDriver: graphDriverOf(container),
    ...(container.size && { SizeRw: container.size.rwBytes, SizeRootFs: container.size.rootFsBytes }),
    Mounts: container.mountPoints.map(mountOf),
    Dependencies: container.dependencies,
    NetworkSettings: inspectedNetworks(container),
    Namespace: '',
    IsInfra: container.isInfra,
    IsService: container.options.Podman?.IsService === true,
    Config: configOf(container),
    HostConfig: inspectedHostConfig(container),
    ID: () => container.id,
  });
}

function stateOf(container: ContainerInspect): object {
  const { status } = container;
  const never = new GoTime(undefined);
  return goStruct('*define.InspectContainerState', {
    OciVersion: '1.0.2-dev',
    Status: status,
    Running: status === 'running',
    Paused: status === 'paused',
    Restarting: status === 'restarting',
    OOMKilled: container.oomKilled,
    Dead: false,
    Pid: container.pid ?? 0,
    ...(container.conmonPid !== undefined && { ConmonPid: container.conmonPid }),
    ExitCode: container.exitCode ?? 0,
    Error: container.error,
    StartedAt: new GoTime(container.startedAt),
    FinishedAt: new GoTime(container.finishedAt),
    Health: healthOf(container),
    CheckpointedAt: never,
    RestoredAt: never,
    // Functions are what templates see beside JSON.
    Healthcheck: () => healthOf(container),
    Checkpointed: () => false,
    Restored: () => false,
  });
}

function healthOf({ healthLog }: ContainerInspect): object {
  return goStruct('define.HealthCheckResults', {
    Status: healthLog?.Status ?? '',
    FailingStreak: healthLog?.FailingStreak ?? 0,
    Log:
      healthLog === undefined
        ? NIL_SLICE
        : healthLog.Log.map(({ Start, End, ExitCode, Output }) =>
            goStruct('define.HealthCheckLog', { Start, End, ExitCode, Output }),
          ),
  });
}

function graphDriverOf({ graphDriver, status }: ContainerInspect): object {
  const { lowerDir, upperDir, workDir, mergedDir } = graphDriver;
  return goStruct('*define.DriverData', {
    Name: 'overlay',
    Data: {
      LowerDir: lowerDir,
      ...(status === 'running' && mergedDir !== '' && { MergedDir: mergedDir }),
      UpperDir: upperDir,
      WorkDir: workDir,
    },
  });
}

function mountOf(mount: ContainerInspect['mountPoints'][number]): object {
  const isRelabeled = mount.options.find((option) => option === 'z' || option === 'Z');
  return goStruct('define.InspectMount', {
    Type: mount.type,
    ...(mount.name !== undefined && mount.name !== '' && { Name: mount.name }),
    Source: mount.source,
    Destination: mount.destination,
    Driver: mount.driver ?? '',
    Mode: isRelabeled ?? '',
    Options: mount.options,
    RW: mount.readWrite,
    Propagation: mount.propagation,
  });
}

function configOf(container: ContainerInspect): object {
  const { config, options } = container;
  const podman = options.Podman ?? {};
  const env = config.Env ?? [];
  return goStruct('*define.InspectContainerConfig', {
    Hostname: config.Hostname ?? '',
    Domainname: config.Domainname ?? '',
    User: config.User ?? '',
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    Tty: config.Tty === true,
    OpenStdin: config.OpenStdin === true,
    StdinOnce: false,
    Env: env.length === 0 ? NIL_SLICE : env,
    Cmd: config.Cmd === undefined || config.Cmd.length === 0 ? NIL_SLICE : config.Cmd,
    Image: container.image,
    Volumes: NIL_MAP,
    WorkingDir: config.WorkingDir || '/',
    Entrypoint: (config.Entrypoint ?? []).join(' '),
    OnBuild: new GoNil('pointer', '*string'),
    Labels: Object.keys(container.labels).length === 0 ? NIL_MAP : container.labels,
    Annotations: annotationsOf(container),
    StopSignal: signalNumber(config.StopSignal ?? 'SIGTERM'),
    ...(config.Healthcheck && {
      Healthcheck: goStruct('*manifest.Schema2HealthConfig', { ...config.Healthcheck }),
    }),
    HealthcheckOnFailureAction: podman.HealthOnFailure ?? 'none',
    ...(podman.CreateCommand?.length && { CreateCommand: podman.CreateCommand }),
    ...(podman.Timezone && { Timezone: podman.Timezone }),
    ...(podman.Systemd === 'always' && { SystemdMode: true }),
    Umask: podman.Umask ?? '0022',
    ...(podman.Secrets?.length && {
      Secrets: podman.Secrets.filter(({ Type }) => Type === 'mount').map(secretOf),
    }),
    Timeout: podman.Timeout ?? 0,
    StopTimeout: config.StopTimeout ?? 10,
    Passwd: podman.Passwd ?? true,
    sdNotifyMode: podman.SdNotifyMode ?? 'container',
  });
}

function secretOf({
  Source,
  Uid,
  Gid,
  Mode,
}: {
  Source: string;
  Uid?: number;
  Gid?: number;
  Mode?: number;
}): object {
  return goStruct('*define.InspectSecret', {
    ...{ Name: Source, ID: '', UID: Uid ?? 0, GID: Gid ?? 0, Mode: Mode ?? 0o444 },
  });
}

function annotationsOf(container: ContainerInspect): Record<string, string> {
  const yes = (is: boolean | undefined) => (is ? 'TRUE' : 'FALSE');
  const { config, hostConfig } = container;
  return {
    'io.container.manager': 'libpod',
    'io.kubernetes.cri-o.Created': container.createdAt,
    'io.kubernetes.cri-o.TTY': String(config.Tty === true),
    'io.podman.annotations.autoremove': yes(hostConfig.AutoRemove),
    'io.podman.annotations.init': yes(hostConfig.Init),
    'io.podman.annotations.privileged': yes(hostConfig.Privileged),
    'io.podman.annotations.publish-all': yes(hostConfig.PublishAllPorts),
    'org.opencontainers.image.stopSignal': String(signalNumber(config.StopSignal ?? 'SIGTERM')),
    ...(hostConfig.ContainerIDFile && { 'io.podman.annotations.cid-file': hostConfig.ContainerIDFile }),
    ...hostConfig.Annotations,
  };
}

/** Podman shows a stop signal as its number. */
function signalNumber(signal: string): number {
  if (/^\d+$/.test(signal)) return Number(signal);
  const name = signal.toUpperCase().startsWith('SIG') ? signal.toUpperCase() : `SIG${signal.toUpperCase()}`;
  const realtime = /^SIGRT(MIN|MAX)(?:[+-](\d+))?$/.exec(name);
  if (realtime !== null)
    return realtime[1] === 'MIN' ? 34 + Number(realtime[2] ?? 0) : 64 - Number(realtime[2] ?? 0);
  return (constants.signals as Record<string, number>)[name] ?? 15;
}
