import type { ApiContext } from '../context.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Handler } from '../http/http-server.ts';
import type { Route } from '../http/router.ts';
import { parseTime } from '../http/times.ts';
import { dockerEvent, EVENT_FILTERS, eventLine, eventPasses } from './docker-event.ts';

export function eventRoutes(context: ApiContext): Route<Handler>[] {
  return [{ method: 'GET', path: '/events', handler: (x) => events(context, x) }];
}

/** Until `until`, or until the client leaves. `stream=false` is Podman's: what has been, and no more. */
async function events({ libpod, clock }: ApiContext, x: Exchange): Promise<void> {
  const filters = x.filters(EVENT_FILTERS);
  const time = (key: string): number | undefined => {
    const text = x.text(key);
    return text === undefined ? undefined : parseTime(text, clock.now());
  };
  const [sinceMs, untilMs] = [time('since'), time('until')];
  const follow = x.flag('stream', true) && !(untilMs !== undefined && untilMs <= clock.now());
  const found = libpod.events.read({
    // Without a beginning only what happens from now on is told.
    sinceMs: sinceMs ?? clock.now(),
    ...(untilMs !== undefined && { untilMs }),
    follow,
    signal: x.signal,
  });
  x.open('application/json');
  try {
    for await (const event of found) {
      const message = dockerEvent(event);
      if (message !== undefined && eventPasses(message, filters)) await x.write(eventLine(message));
    }
  } catch (error) {
    if (!x.signal.aborted) throw error;
  }
  x.end();
}
