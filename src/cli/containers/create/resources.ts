import { BadRequest } from '../../../base/index.ts';
import type { ContainerResourceLimits } from '../../../libpod/index.ts';
import type { FlagValues } from '../../grammar/index.ts';
import { ramBytes } from './byte-sizes.ts';

/** Memory, CPU and block device limits: flags that `update` has too. @throws BadRequest in Podman's words */
export function parseLimits(flags: FlagValues): ContainerResourceLimits {
  for (const other of ['cpu-period', 'cpu-quota'])
    if (flags.changed(other) && flags.changed('cpus'))
      throw new BadRequest(`--${other} and --cpus cannot be set together`);
  const number = (name: string) => (flags.has(name) && flags.changed(name) ? flags.number(name)! : undefined);
  const text = (name: string) => (flags.has(name) && flags.changed(name) ? flags.string(name)! : undefined);
  const cpus = number('cpus');
  return withoutAbsent({
    ...memoryLimits(text),
    MemorySwappiness: swappiness(number('memory-swappiness')),
    NanoCpus: cpus === undefined ? undefined : Math.round(cpus * 1e9),
    CpuShares: number('cpu-shares'),
    CpuPeriod: number('cpu-period'),
    CpuQuota: number('cpu-quota'),
    CpuRealtimePeriod: number('cpu-rt-period'),
    CpuRealtimeRuntime: number('cpu-rt-runtime'),
    CpusetCpus: text('cpuset-cpus'),
    CpusetMems: text('cpuset-mems'),
    PidsLimit: number('pids-limit') === -1 ? 0 : number('pids-limit'),
    BlkioWeight: weight(text('blkio-weight')),
    BlkioWeightDevice: deviceWeights(flags, 'blkio-weight-device'),
    BlkioDeviceReadBps: deviceRates(flags, 'device-read-bps', ramBytes),
    BlkioDeviceWriteBps: deviceRates(flags, 'device-write-bps', ramBytes),
    BlkioDeviceReadIOps: deviceRates(flags, 'device-read-iops', operations),
    BlkioDeviceWriteIOps: deviceRates(flags, 'device-write-iops', operations),
  });
}

type GivenText = (name: string) => string | undefined;

function memoryLimits(text: GivenText): ContainerResourceLimits {
  const bytes = (name: string): number | undefined => {
    const value = text(name);
    if (value === undefined || value === '') return undefined;
    try {
      return ramBytes(value);
    } catch (error) {
      throw new BadRequest(`invalid value for memory: ${(error as Error).message}`);
    }
  };
  const memory = bytes('memory');
  const swap = text('memory-swap') === '-1' ? -1 : bytes('memory-swap');
  return withoutAbsent({
    Memory: memory,
    MemoryReservation: bytes('memory-reservation'),
    MemorySwap: swap ?? (memory === undefined || memory === 0 ? undefined : memory * 2),
  });
}

function swappiness(value: number | undefined): number | undefined {
  if (value === undefined || value === -1) return undefined;
  if (value < 0 || value > 100)
    throw new BadRequest(`invalid value: ${value}, valid memory swappiness range is 0-100`);
  return value;
}

function weight(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (!/^\d+$/.test(text) || Number(text) > 65_535)
    throw new BadRequest(
      `invalid value for blkio-weight: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  return Number(text);
}

function deviceWeights(flags: FlagValues, name: string): { Path: string; Weight: number }[] | undefined {
  if (!flags.has(name) || !flags.changed(name)) return undefined;
  return flags.strings(name).map((text) => {
    const { path, value } = splitDevice(text);
    const number = Number(value);
    if (!/^\d+$/.test(value) || (number > 0 && (number < 10 || number > 1000)))
      throw new BadRequest(`invalid weight for device: ${text}`);
    return { Path: path, Weight: number };
  });
}

function deviceRates(
  flags: FlagValues,
  name: string,
  parse: (text: string) => number,
): { Path: string; Rate: number }[] | undefined {
  if (!flags.has(name) || !flags.changed(name)) return undefined;
  return flags.strings(name).map((text) => {
    const { path, value } = splitDevice(text);
    try {
      return { Path: path, Rate: parse(value) };
    } catch (cause) {
      const rules =
        parse === ramBytes
          ? '<device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb'
          : '<device-path>:<number>. Number must be a positive integer';
      throw new BadRequest(`invalid rate for device: ${text}. The correct format is ${rules}`, { cause });
    }
  });
}

function operations(text: string): number {
  if (!/^\d+$/.test(text)) throw new BadRequest(`invalid number: '${text}'`);
  return Number(text);
}

function splitDevice(text: string): { path: string; value: string } {
  const colon = text.indexOf(':');
  if (colon < 0) throw new BadRequest(`bad format: ${text}`);
  if (!text.startsWith('/dev/')) throw new BadRequest(`bad format for device path: ${text}`);
  return { path: text.slice(0, colon), value: text.slice(colon + 1) };
}

const ULIMITS = new Set([
  ...[
    'core',
    'cpu',
    'data',
    'fsize',
    'locks',
    'memlock',
    'msgqueue',
    'nice',
    'nofile',
    'nproc',
    'rss',
    'rtprio',
  ],
  ...['rttime', 'sigpending', 'stack'],
]);

/** `--ulimit name=soft[:hard]`; `host` alone takes the caller's. @throws BadRequest in go-units' words */
export function parseUlimits(values: readonly string[]): ContainerResourceLimits['Ulimits'] {
  if (values.length === 0 || values.includes('host')) return undefined;
  return values.map((text) => {
    const wrong = (message: string): never => {
      throw new BadRequest(
        `ulimit option ${JSON.stringify(text)} requires name=SOFT:HARD, failed to be parsed: ${message}`,
      );
    };
    const [name, limits, ...more] = text.split('=') as [string, ...string[]];
    if (limits === undefined || more.length > 0) return wrong(`invalid ulimit argument: ${text}`);
    const plain = name.toLowerCase().replace(/^rlimit_/, '');
    if (!ULIMITS.has(plain)) return wrong(`invalid ulimit type: ${name}`);
    const parts = limits.split(':');
    const number = (part: string) =>
      /^-?\d+$/.test(part)
        ? Number(part)
        : wrong(`strconv.ParseInt: parsing ${JSON.stringify(part)}: invalid syntax`);
    if (parts.length > 2)
      wrong(`too many limit value arguments - ${limits}, can only have up to two, \`soft[:hard]\``);
    const soft = number(parts[0]!);
    const hard = parts[1] === undefined ? soft : number(parts[1]);
    if (hard !== -1 && (soft === -1 || soft > hard))
      wrong(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
    return { Name: plain, Soft: soft, Hard: hard };
  });
}

/** `--device host[:container[:permissions]]` */
export function parseDevices(values: readonly string[]): NonNullable<ContainerResourceLimits['Devices']> {
  return values.map((text) => {
    const [host, second, third, ...more] = text.split(':') as [string, ...string[]];
    if (more.length > 0 || host === '') throw new BadRequest(`invalid device specification: ${text}`);
    const isMode = (part: string | undefined) => part !== undefined && /^[rwm]{1,3}$/.test(part);
    if (third !== undefined && !isMode(third)) throw new BadRequest(`invalid device mode: ${third}`);
    if (second !== undefined && !isMode(second) && !second.startsWith('/'))
      throw new BadRequest(`invalid device mode: ${second}`);
    return {
      PathOnHost: host,
      PathInContainer: second === undefined || isMode(second) ? host : second,
      CgroupPermissions: third ?? (isMode(second) ? second! : 'rwm'),
    };
  });
}

/** `--device-cgroup-rule 'c 1:3 rwm'` */
export function parseDeviceRules(rules: readonly string[]): string[] {
  return rules.map((rule) => {
    const parts = rule.split(' ');
    if (parts.length !== 3)
      throw new BadRequest(
        `invalid device cgroup rule requires type, major:Minor, and access rules: ${JSON.stringify(rule)}`,
      );
    const [type, numbers, access] = parts as [string, string, string];
    if (!/^[abc]$/.test(type)) throw new BadRequest(`invalid device type in device-access-add: ${type}`);
    const noNumber = numbers.split(':').find((one) => one !== '*' && !/^\d+$/.test(one));
    if (noNumber !== undefined)
      throw new BadRequest(`strconv.ParseUint: parsing ${JSON.stringify(noNumber)}: invalid syntax`);
    const wrong = /[^rwm]/.exec(access)?.[0];
    if (wrong !== undefined) throw new BadRequest(`invalid device access in device-access-add: ${wrong}`);
    return rule;
  });
}

export function withoutAbsent<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
