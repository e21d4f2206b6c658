import { Conflict } from '../../../base/index.ts';
import type { AttachSession } from '../../../engine/index.ts';
import { HttpFailure } from '../http-failure.ts';
import type { ServerContext } from '../server-context.ts';
import {
  type CommandTarget,
  commandOptions,
  copyOutput,
  feed,
  findPod,
  LastSize,
  openCommandSession,
  runningContainer,
} from './exec.ts';
import { exitStatus } from './remote-command.ts';
import type { UpgradeRequest } from './upgrade.ts';

/** GET|POST /attach/{namespace}/{pod}[/{uid}]/{container}: the first process' output from now on, and its input. */
export async function serveAttach(
  context: ServerContext,
  target: CommandTarget,
  query: URLSearchParams,
  upgrade: UpgradeRequest,
): Promise<void> {
  const options = commandOptions(query);
  const { engineId } = runningContainer(findPod(context, target), target.container);
  let attached: AttachSession;
  try {
    attached = await context.engine.attach(engineId);
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
    throw new HttpFailure(500, `container not found ("${target.container}")`);
  }
  const session = await openCommandSession(context, options, upgrade);
  if (session === undefined) return attached.close();
  let isGone = false;
  void session.closed.then(() => {
    isGone = true;
    attached.close();
  });
  new LastSize(session).follow((columns, rows) => attached.resize(columns, rows));
  if (session.stdin !== undefined && attached.stdin !== undefined)
    feed(session.stdin, attached.stdin, { end: attached.stderr !== undefined });
  await Promise.all([
    attached.ended,
    copyOutput(attached.stdout, session.stdout),
    attached.stderr && copyOutput(attached.stderr, session.stderr),
  ]);
  session.stdin?.unpipe().resume();
  // How it ended is in the pod's status: kubectl reads the exit code there.
  if (!isGone) await session.sendStatus(exitStatus(0));
  session.end();
}
