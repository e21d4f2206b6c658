/** health: a door of its own for the process that runs health checks, which needs little else of libpod. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OrreryError, silentLog, systemClock } from '../../base/index.ts';
import { openExecution } from '../../engine/execution.ts';
import type { StoredContainer } from '../containers/stored-container.ts';
import { openEvents } from '../events/index.ts';
import { HealthChecks } from './health-checks.ts';
import { watchHealth } from './health-monitor.ts';
import type { MonitorSettings } from './monitor-settings.ts';

/**
 * Runs the checks of all containers of a libpod directory while there are any. Heard of a container: its records,
 * and what `runc exec` says. What an unhealthy one calls for (kill, stop, restart) is done by a command of its own.
 */
export async function runHealthMonitor(options: {
  directory: string;
  environment: Readonly<Record<string, string | undefined>>;
  signal: AbortSignal;
}): Promise<void> {
  const { directory, environment, signal } = options;
  const folder = join(directory, 'health');
  const settings = JSON.parse(await readFile(join(folder, 'monitor.json'), 'utf8')) as MonitorSettings;
  const { exec, about } = openExecution({ directory, runc: settings.runc });
  const events = openEvents({ directory, ...(settings.events && { events: settings.events }) });
  const command = (verb: string) => (id: string) =>
    runSelf([...settings.self, 'container', verb, id], environment);
  const health: HealthChecks = new HealthChecks({
    ...{ folder, environment, self: settings.self },
    settings: () => Promise.resolve(settings),
    actions: {
      exec: async (id, check) => {
        const record = await health.records.read(id);
        const first = record?.process === undefined ? undefined : Number(record.process.split(':')[0]);
        return await exec(id, check, first);
      },
      ...{ kill: command('kill'), stop: command('stop'), restart: command('restart') },
      tell: async (id, status) => {
        const { name, details } = await about(id);
        const { image } = details as StoredContainer;
        await events.append({
          ...{ Type: 'container', Status: 'health_status', ID: id, Name: name, Image: image },
          HealthStatus: status,
        });
      },
    },
  });
  const check = (record: Parameters<HealthChecks['run']>[0]) => health.run(record);
  await health.asMonitor(() =>
    watchHealth({ records: health.records, check, clock: systemClock, log: silentLog }, signal),
  );
}

async function runSelf(
  [program, ...args]: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const child = spawn(program!, args, { stdio: 'ignore', env: environment as NodeJS.ProcessEnv, cwd: '/' });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0)
    throw new OrreryError(
      'EngineUnavailable',
      `${args.slice(-3).join(' ')} ended with ${code ?? 'a signal'}`,
    );
}
