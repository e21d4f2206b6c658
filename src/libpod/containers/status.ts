import type { ContainerState } from '../../engine/index.ts';
import type { ContainerStatus } from '../libpod.ts';

/** Podman's word for what a container is now. */
export function statusOf(
  state: Pick<ContainerState, 'status' | 'isPaused' | 'isInitialized'>,
): Exclude<ContainerStatus, 'restarting' | 'stopping' | 'removing'> {
  if (state.isPaused) return 'paused';
  if (state.isInitialized) return 'initialized';
  return state.status;
}
