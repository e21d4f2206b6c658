import { readFile } from 'node:fs/promises';
import { messageOf } from '../../base/index.ts';
import { callControl } from '../control-socket.ts';
import { dataDirectoryAt } from '../data-directory.ts';
import { dataDirectoryOf } from '../data-root.ts';
import { EXIT } from '../exit.ts';
import { formatBytes, formatDuration, outputFormat, painter, printStructured, table } from '../output.ts';
import type { SupervisorStatus } from '../supervisor.ts';

interface ProcessMemory {
  rssBytes: number;
  /** Proportional set size: what is shared counts by its share. */
  pssBytes: number;
}

export async function status(flags: { dataDir?: string; output?: string }): Promise<number> {
  const format = outputFormat(flags.output);
  const directory = dataDirectoryAt(dataDirectoryOf(flags.dataDir));
  const answer = await callControl(directory, 'status');
  if (answer === undefined) {
    if (format === 'text') process.stdout.write(`Orrery is not running on ${directory.root}\n`);
    else await printStructured({ running: false, dataDirectory: directory.root }, format);
    return EXIT.notRunning;
  }
  const supervisor = JSON.parse(answer) as SupervisorStatus;
  const processes = await Promise.all(
    [
      {
        name: 'supervisor',
        state: 'ready',
        pid: supervisor.pid,
        startedAt: supervisor.startedAt,
        restarts: 0,
      },
      ...supervisor.roles,
    ].map(async (role) => ({
      ...role,
      memory: role.pid === undefined ? undefined : await memoryOf(role.pid),
    })),
  );
  if (format !== 'text') {
    await printStructured({ running: true, ...supervisor, roles: processes }, format);
    return EXIT.ok;
  }
  const { green, yellow, dim } = painter(process.stdout);
  const rows = processes.map((p) => [
    p.name,
    p.state,
    p.pid === undefined ? '-' : String(p.pid),
    p.startedAt === undefined ? '-' : formatDuration((Date.now() - Date.parse(p.startedAt)) / 1000),
    String(p.restarts),
    p.memory === undefined ? '-' : formatBytes(p.memory.rssBytes),
    p.memory === undefined ? '-' : formatBytes(p.memory.pssBytes),
  ]);
  for (const role of supervisor.absent)
    rows.push([role.name, `absent: ${role.reason}`, '-', '-', '-', '-', '-']);
  const text = table(['ROLE', 'STATUS', 'PID', 'UPTIME', 'RESTARTS', 'RSS', 'PSS'], rows);
  process.stdout.write(
    text.replace(/\bready\b/g, green('ready')).replace(/\b(starting|restarting|absent)\b/g, yellow('$1')),
  );
  process.stdout.write(
    `\n${dim('version')}     orrery ${supervisor.version}, kubernetes ${supervisor.kubernetesVersion}\n` +
      `${dim('server')}      ${supervisor.server}\n${dim('data')}        ${supervisor.dataDirectory}\n${dim('kubeconfig')}  ${supervisor.kubeconfig}\n`,
  );
  return EXIT.ok;
}

/** proc(5), smaps_rollup. */
async function memoryOf(pid: number): Promise<ProcessMemory | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
    const kilobytes = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
    return { rssBytes: kilobytes('Rss') * 1024, pssBytes: kilobytes('Pss') * 1024 };
  } catch (error) {
    if (/ENOENT|ESRCH|EACCES/.test(messageOf(error))) return undefined;
    throw error;
  }
}
