import { existsSync } from 'node:fs';
import { BadRequest } from '../../base/index.ts';
import type { CreateOptions, HostConfig } from '../create-options.ts';

const LOG_DRIVERS = new Set(['', 'k8s-file', 'json-file', 'none', 'passthrough']);

/** Refuses by name what cannot be served. @returns what people should know. @throws BadRequest */
export function validateOptions(options: CreateOptions): string[] {
  const { Config: config, HostConfig: host, Podman: podman = {} } = options;
  const driver = host.LogConfig?.Type ?? '';
  if (!LOG_DRIVERS.has(driver))
    throw new BadRequest(
      driver === 'journald'
        ? 'the log driver journald is not supported: use k8s-file'
        : `invalid log driver "${driver}": invalid argument`,
    );
  if (driver === 'passthrough' && config.Tty)
    throw new BadRequest('cannot use a tty with passthrough logging');
  const policy = host.RestartPolicy;
  checkRestartPolicy(policy);
  if (host.AutoRemove && policy?.Name && policy.Name !== 'no')
    throw new BadRequest(
      'the --rm option conflicts with --restart, when the restartPolicy is not "" and "no"',
    );
  if (podman.CgroupsMode && !['enabled', 'split', 'no-conmon'].includes(podman.CgroupsMode))
    throw new BadRequest(`the cgroups mode ${podman.CgroupsMode} is not supported by the OCI runtime runc`);
  if (podman.CgroupsMode === 'split') throw new BadRequest('the cgroups mode split is not supported');
  if (host.VolumeDriver && host.VolumeDriver !== 'local')
    throw new BadRequest(`the volume driver ${host.VolumeDriver} is not supported`);
  if ((host.GroupAdd ?? []).includes('keep-groups'))
    throw new BadRequest(
      "the '--group-add keep-groups' option is not supported: runc gives a process no groups of its caller",
    );
  if (podman.Personality) throw new BadRequest('a personality is not supported');
  if (podman.SdNotifyMode && !['container', 'ignore', 'conmon'].includes(podman.SdNotifyMode))
    throw new BadRequest(
      `sdnotify must be one of "container", "conmon" or "ignore", not "${podman.SdNotifyMode}"`,
    );
  if (host.StorageOpt && Object.keys(host.StorageOpt).length > 0)
    throw new BadRequest(`the storage option ${Object.keys(host.StorageOpt)[0]} is not supported`);
  validateNamespaces(options);
  validateSecurity(host.SecurityOpt ?? []);
  return validateLimits(options);
}

export function checkRestartPolicy(policy: HostConfig['RestartPolicy']): void {
  if (!['', 'no', 'always', 'unless-stopped', 'on-failure', undefined].includes(policy?.Name))
    throw new BadRequest(
      `restart policy "${policy?.Name}" is not supported, must be one of "no", "always", "on-failure" or "unless-stopped"`,
    );
}

function validateNamespaces({ Config: config, HostConfig: host }: CreateOptions): void {
  if (config.Hostname && /^(?:host|container:|ns:)/.test(host.UTSMode ?? ''))
    throw new BadRequest('cannot set hostname when running in the host UTS namespace: invalid configuration');
  const userns = host.UsernsMode ?? '';
  if (!/^(?:|host|private|container:.*|ns:.*|auto(?::.*)?|keep-id(?::.*)?|nomap)$/.test(userns))
    throw new BadRequest(`unrecognized user namespace mode ${userns} passed`);
}

const FLAGS = /^(?:no-new-privileges|seccomp|label|apparmor|mask|unmask|proc-opts|systempaths)$/;

function validateSecurity(options: readonly string[]): void {
  for (const option of options) {
    const { name, value } = splitSecurity(option);
    if (!FLAGS.test(name)) throw new BadRequest(`invalid --security-opt 1: "${option}"`);
    if (name === 'apparmor' && value !== 'unconfined' && !hasAppArmor())
      throw new BadRequest(
        `apparmor profile "${value}" specified, but Apparmor is not enabled on this system: invalid configuration`,
      );
    if (name === 'proc-opts') throw new BadRequest('the security option proc-opts is not supported');
  }
}

export function hasAppArmor(): boolean {
  return existsSync('/sys/kernel/security/apparmor');
}

/** `name=value`; Docker also took `name:value`. */
export function splitSecurity(option: string): { name: string; value: string } {
  const at = option.search(/[=:]/);
  return at < 0 ? { name: option, value: '' } : { name: option.slice(0, at), value: option.slice(at + 1) };
}

function validateLimits({ HostConfig: host }: CreateOptions): string[] {
  const warnings: string[] = [];
  const { Memory: memory = 0, MemorySwap: swap = 0, MemoryReservation: reservation = 0 } = host;
  if (memory > 0 && memory < 6 << 20) throw new BadRequest('minimum memory limit allowed is 6MB');
  if (swap > 0 && memory === 0)
    throw new BadRequest('you should always set the memory limit when using the memory swap limit');
  if (swap > 0 && swap < memory)
    throw new BadRequest('minimum memoryswap limit should be larger than memory limit, see usage');
  if (memory > 0 && reservation > memory)
    throw new BadRequest('minimum memory limit cannot be less than memory reservation limit, see usage');
  const swappiness = host.MemorySwappiness;
  if (swappiness !== undefined && (swappiness < -1 || swappiness > 100))
    throw new BadRequest(`invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  const score = host.OomScoreAdj ?? 0;
  if (score < -1000 || score > 1000)
    throw new BadRequest(`invalid value ${score}, oom score must be between -1000 and 1000`);
  const weight = host.BlkioWeight ?? 0;
  if (weight !== 0 && (weight < 10 || weight > 1000))
    throw new BadRequest('range of blkio weight is from 10 to 1000');
  if (host.NanoCpus && host.CpuQuota) throw new BadRequest('--cpus and --cpu-quota cannot be set together');
  return warnings;
}
