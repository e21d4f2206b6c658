import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { ToolContext } from '../context.ts';

/** Asks, as Podman's prune commands do; whatever does not begin with `y` is a no. */
export async function confirm({ stdin, stdout }: ToolContext): Promise<boolean> {
  stdout.write('Are you sure you want to continue? [y/N] ');
  const lines = createInterface({ input: stdin });
  const closed = once(lines, 'close').then(() => ['']);
  const [answer] = await Promise.race([once(lines, 'line'), closed]);
  lines.close();
  return /^y/i.test(answer ?? '');
}
