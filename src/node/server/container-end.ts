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
    await context.engine.ended(id, signal);
  } catch (error) {
    if (signal.aborted || error instanceof NotFound) return;
    context.log.error('cannot learn when a container ends', { container: id, error });
  }
}
