import { NotFound } from '../../base/index.ts';
import type { ServerContext } from './server-context.ts';

/**
 * Resolves when the container has ended or is gone, or `signal` fires. When the engine cannot tell, that is
 * logged and taken for an end: whoever waits would wait for ever. Never rejects.
 */
export async function containerEnd(
  context: Pick<ServerContext, 'engine' | 'log'>,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    if ((await context.engine.inspect(id)).status === 'exited') return;
    // The watch begins with the state of now, so an end since then is not missed.
    for await (const state of context.engine.watch(signal)) {
      if (state.id === id && state.status === 'exited') return;
    }
  } catch (error) {
    if (signal.aborted || error instanceof NotFound) return;
    context.log.error('cannot learn when a container ends', { container: id, error });
  }
}
