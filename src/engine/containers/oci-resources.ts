import { statSync } from 'node:fs';
import { BadRequest } from '../../base/index.ts';
import type { BlkioDevice, ContainerSpec } from '../engine.ts';
import type { HostFacts } from './oci-config.ts';

export interface OciDevice {
  path: string;
  type: 'c' | 'b';
  major: number;
  minor: number;
  fileMode: number;
  uid: number;
  gid: number;
}

/** `linux.resources` (OCI runtime-spec, config-linux.md, "Control groups"), the same for v1 and v2: runc translates. */
export function resourcesOf(
  spec: ContainerSpec,
  host: HostFacts,
  devices: readonly OciDevice[],
): Record<string, unknown> {
  const { resources } = spec;
  const cpu = defined({
    shares: resources.cpuShares,
    quota: resources.cpuQuotaUs,
    period: resources.cpuPeriodUs ?? (resources.cpuQuotaUs === undefined ? undefined : 100_000),
    realtimeRuntime: resources.cpuRealtimeRuntimeUs,
    realtimePeriod: resources.cpuRealtimePeriodUs,
    cpus: resources.cpusetCpus,
    mems: resources.cpusetMems,
  });
  const memory = memoryOf(resources, host);
  const blockIO = blkioOf(resources);
  const privileged = spec.security.privileged === true;
  return {
    devices: [
      { allow: privileged, access: 'rwm' },
      ...devices.map((one, i) => ({
        allow: true,
        type: one.type,
        major: one.major,
        minor: one.minor,
        access: spec.devices?.[i]?.permissions ?? 'rwm',
      })),
      ...(spec.deviceRules ?? []).map(deviceRule),
    ],
    ...(memory !== undefined && { memory }),
    ...(cpu !== undefined && { cpu }),
    ...(blockIO !== undefined && { blockIO }),
    ...(resources.pidsLimit !== undefined && { pids: { limit: resources.pidsLimit } }),
  };
}

/** The host's device nodes that a container is to have. */
export function devicesOf(spec: ContainerSpec): OciDevice[] {
  return (spec.devices ?? []).map(({ hostPath, path }) => {
    const { type, major, minor, mode, uid, gid } = deviceAt(hostPath);
    return { path, type, major, minor, fileMode: mode & 0o777, uid, gid };
  });
}

/** `major:minor` of a device node. @throws BadRequest */
export function deviceNumber(path: string): string {
  const { major, minor } = deviceAt(path);
  return `${major}:${minor}`;
}

function deviceAt(path: string) {
  let found: ReturnType<typeof statSync>;
  try {
    found = statSync(path);
  } catch (cause) {
    throw new BadRequest(`stat ${path}: no such file or directory`, { cause });
  }
  if (!found.isCharacterDevice() && !found.isBlockDevice())
    throw new BadRequest(`${path} is not a device node`);
  const { rdev, mode, uid, gid } = found;
  return {
    type: found.isCharacterDevice() ? ('c' as const) : ('b' as const),
    major: (rdev >>> 8) & 0xfff,
    minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00),
    ...{ mode, uid, gid },
  };
}

/** `c 1:3 rwm`, `b *:* r` (kernel, devices cgroup). */
function deviceRule(rule: string): Record<string, unknown> {
  const match = /^([acb]) (\*|\d+)(?::(\*|\d+))? ([rwm]{1,3})$/.exec(rule.trim());
  if (match === null) throw new BadRequest(`invalid device cgroup rule format: '${rule}'`);
  const [, type, major, minor = '*', access] = match;
  return {
    allow: true,
    type,
    ...(major !== '*' && { major: Number(major) }),
    ...(minor !== '*' && { minor: Number(minor) }),
    access,
  };
}

function memoryOf(resources: ContainerSpec['resources'], host: HostFacts) {
  const { memoryLimitBytes: limit, memorySwapBytes: swap = limit } = resources;
  return defined({
    limit,
    swap: host.hasSwapAccounting ? swap : undefined,
    reservation: resources.memoryReservationBytes,
    swappiness: host.isUnified ? undefined : resources.memorySwappiness,
    disableOOMKiller: host.isUnified ? undefined : resources.oomKillDisable || undefined,
  });
}

function blkioOf(resources: ContainerSpec['resources']) {
  const devices = (list: BlkioDevice[] | undefined, name: 'rate' | 'weight') =>
    list?.map(({ path, value }) => {
      const { major, minor } = deviceAt(path);
      return { major, minor, [name]: value };
    });
  return defined({
    weight: resources.blkioWeight,
    weightDevice: devices(resources.blkioWeightDevices, 'weight'),
    throttleReadBpsDevice: devices(resources.blkioReadBps, 'rate'),
    throttleWriteBpsDevice: devices(resources.blkioWriteBps, 'rate'),
    throttleReadIOPSDevice: devices(resources.blkioReadIops, 'rate'),
    throttleWriteIOPSDevice: devices(resources.blkioWriteIops, 'rate'),
  });
}

/** Without what is undefined; undefined when nothing is left. */
function defined(fields: Record<string, unknown>): Record<string, unknown> | undefined {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
