import { BadRequest, Conflict } from '../../base/index.ts';
import type { Engine } from '../../engine/index.ts';
import type { ContainerResourceLimits, HostConfig } from '../create-options.ts';
import { limitsOf } from './limits.ts';
import type { Container } from './stored-container.ts';
import { checkRestartPolicy } from './validation.ts';

/** Gives a container other limits, now if it runs, and for each of its starts. */
export async function updateContainer(
  engine: Engine,
  { id, state, stored }: Container,
  limits: ContainerResourceLimits & Pick<HostConfig, 'RestartPolicy'>,
): Promise<void> {
  const { RestartPolicy: policy, ...resources } = limits;
  if (state.isPaused) throw new Conflict(`cannot update paused container ${id}: container state improper`);
  if (policy !== undefined && stored.hostConfig.AutoRemove && policy.Name && policy.Name !== 'no')
    throw new BadRequest('Restart policy cannot be updated because AutoRemove is enabled for the container');
  checkRestartPolicy(policy);
  if (state.status === 'running' && Object.keys(resources).length > 0) {
    const { PidsLimit: pids } = resources;
    const isUnlimited = pids === 0 || pids === -1;
    await engine.update(id, { ...limitsOf(resources), ...(isUnlimited && { pidsLimit: -1 }) });
  }
  await engine.writeDetails(id, { ...stored, hostConfig: mergedLimits(stored.hostConfig, limits) });
}

/** One way to give processor time takes the place of the other. */
export function mergedLimits(host: HostConfig, limits: Partial<HostConfig>): HostConfig {
  const merged = { ...host, ...limits };
  if (limits.NanoCpus) for (const name of ['CpuQuota', 'CpuPeriod'] as const) delete merged[name];
  else if (limits.CpuQuota || limits.CpuPeriod) delete merged.NanoCpus;
  return merged;
}
