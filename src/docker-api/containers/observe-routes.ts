import { BadRequest } from '../../base/index.ts';
import type { ContainerStats } from '../../libpod/index.ts';
import type { ApiContext } from '../context.ts';
import type { Exchange } from '../http/exchange.ts';
import { MULTIPLEXED_STREAM, RAW_STREAM } from '../http/frames.ts';
import type { Handler } from '../http/http-server.ts';
import type { Route } from '../http/router.ts';
import { parseTime } from '../http/times.ts';
import { isRunning } from './container-shapes.ts';
import { logChunks } from './log-chunks.ts';
import { emptyStats, statsShape } from './stats-shape.ts';

const SAMPLE_MS = 1_000;

/** What a container writes and what it uses. */
export function observeRoutes(context: ApiContext): Route<Handler>[] {
  return [
    { method: 'GET', path: '/containers/{name}/logs', handler: (x) => logs(context, x) },
    { method: 'GET', path: '/containers/{name}/stats', handler: (x) => stats(context, x) },
  ];
}

async function logs({ libpod, clock }: ApiContext, x: Exchange): Promise<void> {
  const [stdout, stderr] = [x.flag('stdout'), x.flag('stderr')];
  if (!stdout && !stderr) throw new BadRequest('Bad parameters: you must choose at least one stream');
  const time = (key: string): number | undefined => {
    const text = x.text(key);
    return text === undefined || text === '0' ? undefined : parseTime(text, clock.now());
  };
  const [sinceMs, untilMs, tail] = [time('since'), time('until'), tailOf(x.text('tail'))];
  const one = await libpod.containers.inspect(x.name());
  const tty = one.config.Tty === true;
  const lines = libpod.containers.logs(one.id, {
    follow: x.flag('follow'),
    signal: x.signal,
    ...(sinceMs !== undefined && { sinceMs }),
    ...(untilMs !== undefined && { untilMs }),
    ...(tail !== undefined && { tail }),
  });
  const chunks = logChunks(lines, { tty, stdout, stderr, timestamps: x.flag('timestamps') });
  // The first line is awaited before the head when nothing is followed: what cannot be read is an error with a status.
  const first = x.flag('follow') ? undefined : await chunks.next();
  x.open(!tty && x.isAtLeast('1.42') ? MULTIPLEXED_STREAM : RAW_STREAM);
  try {
    if (first?.done === false) await x.write(first.value);
    if (first?.done !== true) for await (const chunk of chunks) await x.write(chunk);
  } catch (error) {
    if (!x.signal.aborted) throw error;
  }
  x.end();
}

/** A number of lines; `all`, and as in dockerd anything that is no number, is all of them. */
function tailOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** One sample a second; each with the one before it, which is what a share of the processor is reckoned from. */
async function stats({ libpod, clock }: ApiContext, x: Exchange): Promise<void> {
  const [stream, oneShot] = [x.flag('stream', true), x.flag('one-shot')];
  if (stream && oneShot) throw new BadRequest('cannot have stream=true and one-shot=true');
  const one = await libpod.containers.inspect(x.name());
  const sample = async (): Promise<ContainerStats | undefined> =>
    isRunning((await libpod.containers.inspect(one.id)).status)
      ? await libpod.containers.stats(one.id)
      : undefined;
  const told = { id: one.id, name: one.name };
  let before: ContainerStats | undefined;
  let now = await sample();
  if (!stream) {
    if (now !== undefined && !oneShot) {
      before = now;
      await clock.sleep(SAMPLE_MS, x.signal);
      now = (await sample()) ?? now;
    }
    return x.send(200, now === undefined ? emptyStats(told) : statsShape(now, before));
  }
  x.open('application/json');
  while (!x.signal.aborted) {
    const shape = now === undefined ? emptyStats(told) : statsShape(now, before);
    await x.write(`${JSON.stringify(shape)}\n`);
    before = now;
    try {
      await clock.sleep(SAMPLE_MS, x.signal);
      now = await sample();
    } catch (error) {
      if (!x.signal.aborted) throw error;
    }
  }
  x.end();
}
