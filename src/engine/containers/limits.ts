import type { ContainerLimits } from '../engine.ts';

/**
 * The arguments of `runc update` (runc-update(8)) for what is given. Swap stays out of reach, as at the start:
 * where it is accounted for, its limit is the memory's.
 */
export function updateArguments(limits: ContainerLimits, hasSwapAccounting: boolean): string[] {
  const { memoryLimitBytes, cpuShares, cpuQuotaUs, cpuPeriodUs } = limits;
  const flags: [flag: string, value: number | undefined][] = [
    ['--cpu-share', cpuShares],
    ['--cpu-quota', cpuQuotaUs],
    ['--cpu-period', cpuPeriodUs],
    ['--memory', memoryLimitBytes],
    ['--memory-swap', hasSwapAccounting ? memoryLimitBytes : undefined],
  ];
  return flags.flatMap(([flag, value]) => (value === undefined ? [] : [flag, String(value)]));
}
