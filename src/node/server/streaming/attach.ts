import { open } from 'node:fs/promises';
import { containerEnd } from '../container-end.ts';
import { HttpFailure } from '../http-failure.ts';
import { readLog } from '../logs/log-reader.ts';
import type { ServerContext } from '../server-context.ts';
import { type CommandTarget, commandOptions, findPod, openCommandSession, runningContainer } from './exec.ts';
import { exitStatus } from './remote-command.ts';
import type { UpgradeRequest } from './upgrade.ts';

/**
 * GET|POST /attach/{namespace}/{pod}[/{uid}]/{container}: what the container writes from now on, read from
 * its log. The engine offers no way to its standard input, so that is refused by name.
 */
export async function serveAttach(
  context: ServerContext,
  target: CommandTarget,
  query: URLSearchParams,
  upgrade: UpgradeRequest,
): Promise<void> {
  const options = commandOptions(query);
  const { engineId, logPath } = runningContainer(findPod(context, target), target.container);
  if (options.stdin)
    throw new HttpFailure(400, 'attach with stdin is not supported: use exec, or attach without -i');
  if (logPath === undefined) throw new HttpFailure(500, `container not found ("${target.container}")`);
  await using file = await open(logPath, 'r');
  const session = await openCommandSession(context, options, upgrade);
  if (session === undefined) return;
  const gone = new AbortController();
  void session.closed.then(() => gone.abort());
  const ended = containerEnd(context, engineId, gone.signal);
  const logOptions = {
    follow: true,
    previous: false,
    timestamps: false,
    tailLines: 0,
    stream: 'All',
  } as const;
  for await (const piece of readLog({ path: logPath, file, ended }, logOptions, gone.signal)) {
    const output = piece.stream === 'stdout' ? session.stdout : session.stderr;
    if (output === undefined || output.destroyed) continue;
    if (!output.write(piece.data))
      await new Promise<void>((resolve) => {
        output.once('drain', resolve);
        output.once('close', resolve);
      });
  }
  if (!gone.signal.aborted) {
    session.stdout?.end();
    session.stderr?.end();
    await session.sendStatus(exitStatus(0));
  }
  session.end();
}
