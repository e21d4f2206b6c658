import type { Clock, Log } from '../../../base/index.ts';
import type { metav1 } from '../../../kube/index.ts';
import { SpdyConnection, type SpdyStream } from '../spdy/index.ts';
import {
  type CommandOptions,
  type CommandSession,
  ResizeParser,
  type TerminalSize,
} from './remote-command.ts';
import { negotiate, switchToSpdy, type UpgradeRequest } from './upgrade.ts';

/** v5 differs from v4 on WebSocket only; before v4 the status is text, before v3 there is no resizing. */
const PROTOCOLS = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v3.channel.k8s.io',
  'v2.channel.k8s.io',
  'channel.k8s.io',
];
const STREAMS_TIMEOUT_MS = 30_000;
/** How long the client may take to read what is left and close, after the status. */
const FAREWELL_MS = 30_000;

/**
 * Exec or attach over SPDY/3.1: the client opens one stream each for error, stdin, stdout, stderr and
 * resize, named by the header `streamType`.
 *
 * @throws HttpFailure when no protocol is common to both. @returns undefined when the client did not open its streams.
 */
export async function openSpdyCommandSession(
  upgrade: UpgradeRequest,
  options: CommandOptions,
  context: { log: Log; clock: Clock },
): Promise<CommandSession | undefined> {
  const protocol = negotiate(upgrade.request, PROTOCOLS);
  const hasResize = options.tty && !['v2.channel.k8s.io', 'channel.k8s.io'].includes(protocol);
  const expected = new Set(['error']);
  if (options.stdin) expected.add('stdin');
  if (options.stdout) expected.add('stdout');
  if (options.stderr) expected.add('stderr');
  if (hasResize) expected.add('resize');
  const streams = new Map<string, SpdyStream>();
  const complete = Promise.withResolvers<'complete'>();
  switchToSpdy(upgrade, protocol);
  const connection = new SpdyConnection(upgrade.socket, {
    role: 'server',
    log: context.log,
    accept: (stream) => {
      const type = stream.header('streamtype') ?? '';
      // Kubelet leaves a stream that it does not expect open, and unread.
      if (streams.has(type)) throw new Error(`stream type ${type} twice`);
      streams.set(type, stream);
      if ([...expected].every((name) => streams.has(name))) complete.resolve('complete');
    },
  });
  const waiting = new AbortController();
  const timeout = context.clock.sleep(STREAMS_TIMEOUT_MS, waiting.signal).catch(() => undefined);
  const outcome = await Promise.race([complete.promise, connection.closed, timeout]);
  waiting.abort();
  if (outcome !== 'complete') {
    context.log.warn('timed out waiting for client to create streams');
    connection.destroy();
    return undefined;
  }
  return spdySession(connection, streams, { protocol, options, clock: context.clock });
}

function spdySession(
  connection: SpdyConnection,
  streams: Map<string, SpdyStream>,
  { protocol, options, clock }: { protocol: string; options: CommandOptions; clock: Clock },
): CommandSession {
  const error = streams.get('error')!;
  // What the client says on streams that only we write to is not for us, but must not fill up.
  for (const [type, stream] of streams) if (type !== 'stdin' && type !== 'resize') stream.resume();
  const stdin = options.stdin ? streams.get('stdin') : undefined;
  const stdout = options.stdout ? streams.get('stdout') : undefined;
  const stderr = options.stderr ? streams.get('stderr') : undefined;
  const structured = protocol === 'v4.channel.k8s.io' || protocol === 'v5.channel.k8s.io';
  return {
    ...(stdin && { stdin }),
    ...(stdout && { stdout }),
    ...(stderr && { stderr }),
    closed: connection.closed,
    onResize: (listener: (size: TerminalSize) => void) => {
      const parser = new ResizeParser(listener);
      streams.get('resize')?.on('data', (chunk: Buffer) => parser.feed(chunk));
    },
    sendStatus: async (status: metav1.Status) => {
      const failed = status.status !== 'Success';
      const text = structured ? JSON.stringify(status) : failed ? (status.message ?? '') : '';
      await new Promise<void>((resolve) => {
        error.once('close', resolve);
        error.end(text, () => resolve());
      });
    },
    end: () => {
      // The client closes once it has read all streams to their end; only one that does not is cut off.
      const gone = new AbortController();
      void connection.closed.then(() => gone.abort());
      void clock.sleep(FAREWELL_MS, gone.signal).then(
        () => connection.end(),
        () => undefined,
      );
    },
  };
}
