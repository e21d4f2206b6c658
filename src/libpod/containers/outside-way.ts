import { cutOff, defaultWay, ignoredLimits, type OutsideRequest, rootlessFacts } from '../../engine/index.ts';
import type { ContainerResourceLimits } from '../create-options.ts';
import type { StoredContainer } from './stored-container.ts';

/** Whether the mode is a process of the container's own that carries packets, not a network of ours. */
export function isOutsideMode(mode: string | undefined): boolean {
  return /^(?:slirp4netns|pasta)(?::|$)/.test(mode ?? '');
}

/**
 * How a container reaches the outside, and is reached, where no bridge of the host's does it: by the program
 * that its network mode names, or, for an ordinary user, by what this host allows.
 */
export function outsideWayOf(
  { hostConfig, options }: Pick<StoredContainer, 'hostConfig' | 'options'>,
  isRootless: boolean,
): Pick<OutsideRequest, 'mode' | 'options'> | undefined {
  const mode = hostConfig.NetworkMode ?? '';
  if (!isOutsideMode(mode)) return isRootless ? { mode: 'none', options: [] } : undefined;
  const [program = '', ...rest] = mode.split(':');
  const isAsked = isOutsideMode(options.HostConfig.NetworkMode);
  return {
    mode: isAsked ? (program as 'slirp4netns' | 'pasta') : 'default',
    options: rest
      .join(':')
      .split(',')
      .filter((one) => one !== ''),
  };
}

/** What an ordinary user's container will do without, one line each. */
export function rootlessWarnings(
  stored: Pick<StoredContainer, 'hostConfig' | 'options'>,
  isRootless: boolean,
): string[] {
  if (!isRootless) return [];
  const limits = ignoredLimits(limitsOf(stored), rootlessFacts());
  const way = outsideWayOf(stored, isRootless);
  const found = way?.mode === 'default' ? defaultWay() : undefined;
  const isCutOff = found !== undefined && 'why' in found;
  return [...(limits === undefined ? [] : [limits]), ...(isCutOff ? [cutOff(found.why)] : [])];
}

/** Docker's clients say 0 for what nobody asked; on our command line somebody did. */
function limitsOf({ hostConfig: host, options }: Pick<StoredContainer, 'hostConfig' | 'options'>): object {
  const isAsked = options.Podman?.CreateCommand !== undefined && host.Memory === 0;
  const limits = limitsIn(host);
  return isAsked ? { ...limits, Memory: 0 } : limits;
}

function limitsIn(host: ContainerResourceLimits): object {
  const { Memory, MemorySwap, MemoryReservation, NanoCpus, CpuShares, CpuQuota, CpuPeriod } = host;
  const { CpusetCpus, CpusetMems, PidsLimit, BlkioWeight } = host;
  const all = { Memory, MemorySwap, MemoryReservation, NanoCpus, CpuShares, CpuQuota, CpuPeriod };
  const more = { CpusetCpus, CpusetMems, PidsLimit, BlkioWeight };
  return Object.fromEntries(
    Object.entries({ ...all, ...more }).map(([name, value]) => [name, value || undefined]),
  );
}
