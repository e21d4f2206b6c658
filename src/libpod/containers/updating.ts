import { Conflict } from '../../base/index.ts';
import type { Engine } from '../../engine/index.ts';
import type { ContainerResourceLimits, HostConfig } from '../create-options.ts';
import { limitsOf } from './limits.ts';
import type { Container } from './stored-container.ts';

/** Gives a container other limits, now if it runs, and for each of its starts. */
export async function updateContainer(
  engine: Engine,
  { id, state, stored }: Container,
  limits: ContainerResourceLimits & Pick<HostConfig, 'RestartPolicy'>,
): Promise<void> {
  const { RestartPolicy: policy, ...resources } = limits;
  if (state.isPaused) throw new Conflict(`cannot update paused container ${id}: container state improper`);
  if (state.status === 'running' && Object.keys(resources).length > 0)
    await engine.update(id, limitsOf(resources));
  await engine.writeDetails(id, { ...stored, hostConfig: { ...stored.hostConfig, ...limits } });
}
