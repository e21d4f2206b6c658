import { BadRequest, createLog, type Log, messageOf, OrreryError } from '../base/index.ts';
import type { Config } from './config.ts';
import { releaseMemoryWhenIdle } from './idle-memory.ts';
import type { RoleMessage, RoleName, SupervisorMessage } from './role.ts';

/** A role as the supervisor sees it from inside the child: it runs until told to stop. */
export interface RunningRole {
  details: Record<string, string>;
  stop(): Promise<void>;
}

export interface RoleContext {
  log: Log;
  tell(message: RoleMessage): Promise<void>;
}

type Start = (config: Config, context: RoleContext) => Promise<RunningRole>;

const STARTERS: Record<RoleName, () => Promise<Start>> = {
  server: async () => (await import('./server-role.ts')).startServerRole,
  node: async () => (await import('./node-role.ts')).startNodeRole,
};

/** How long a role may take to stop when its supervisor, who would end it, is gone. */
const STOP_TIMEOUT_MS = 15_000;

/**
 * The child's main: takes its config from the supervisor, starts, reports, and ends when it is told to, when
 * it gets SIGTERM, or when the supervisor is gone (the channel closes). While it starts it just ends: what
 * it does can be cut at any instant.
 */
export async function runRole(name: string): Promise<void> {
  if (!Object.hasOwn(STARTERS, name) || process.send === undefined) {
    throw new BadRequest(`'orrery role' is started by 'orrery up' only`);
  }
  const role = name as RoleName;
  const end = Promise.withResolvers<string>();
  process.once('disconnect', () => end.resolve('the supervisor is gone'));
  process.on('SIGTERM', () => end.resolve('SIGTERM'));
  process.on('SIGINT', () => end.resolve('SIGINT'));
  if (!process.connected) end.resolve('the supervisor is gone');
  let started: { log: Log; running: RunningRole } | undefined;
  const starting = startRole(role).then((result) => {
    started = result;
  });
  const why = await Promise.race([end.promise, starting.then(() => end.promise)]);
  if (started === undefined) process.exit(0);
  started.log.info('role stops', { why });
  setTimeout(() => {
    started?.log.error('role does not stop', { role });
    process.exit(70);
  }, STOP_TIMEOUT_MS).unref();
  await started.running.stop();
  process.exit(0);
}

/** Starts as the supervisor says; a role that cannot start tells it and ends the process. */
async function startRole(role: RoleName): Promise<{ log: Log; running: RunningRole }> {
  const load = STARTERS[role]();
  load.catch(() => undefined);
  const config = await new Promise<Config>((resolve) => {
    process.once('message', (message: SupervisorMessage) => {
      if (message.type === 'start') resolve(message.config);
    });
  });
  const log = createLog({ level: config.logLevel, name: role });
  process.on('unhandledRejection', (error) => {
    log.error('unhandled rejection', { error });
    process.exit(70);
  });
  let running: RunningRole;
  try {
    const start = await load;
    running = await start(config, { log, tell });
  } catch (error) {
    log.error('role cannot start', { error });
    await tell({
      type: 'fatal',
      code: error instanceof OrreryError ? error.code : 'RoleFailed',
      message: messageOf(error),
      ...(error instanceof OrreryError && error.hint !== undefined && { hint: error.hint }),
    });
    process.exit(1);
  }
  await tell({ type: 'ready', details: running.details });
  log.info('role ready', running.details);
  releaseMemoryWhenIdle(log);
  return { log, running };
}

function tell(message: RoleMessage): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected) return resolve();
    process.send!(message, undefined, undefined, () => resolve());
  });
}
