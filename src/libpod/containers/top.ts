import { readFile } from 'node:fs/promises';
import { BadRequest, Conflict, runCommand } from '../../base/index.ts';
import { type Engine, rootlessFacts } from '../../engine/index.ts';
import type { Container } from './stored-container.ts';

/** Podman's descriptors and what ps(1) of procps calls them. */
const COLUMNS: Record<string, [title: string, ps: string]> = {
  user: ['USER', 'user'],
  uid: ['UID', 'uid'],
  group: ['GROUP', 'group'],
  pid: ['PID', 'pid'],
  ppid: ['PPID', 'ppid'],
  pgid: ['PGID', 'pgid'],
  pcpu: ['%CPU', 'pcpu'],
  etime: ['ELAPSED', 'etimes'],
  tty: ['TTY', 'tty'],
  time: ['TIME', 'cputimes'],
  args: ['COMMAND', 'args'],
  comm: ['COMMAND', 'comm'],
  nice: ['NI', 'nice'],
  vsz: ['VSZ', 'vsz'],
  rss: ['RSS', 'rss'],
  state: ['STATE', 'stat'],
  stime: ['STIME', 'stime'],
  hpid: ['HPID', 'pid'],
  huser: ['HUSER', 'user'],
  hgroup: ['HGROUP', 'group'],
};
/** What ps(1) calls them where names of ids are the host's, and the ids are not. */
const IDS: Record<string, [title: string, ps: string]> = {
  huser: ['HUSER', 'uid'],
  hgroup: ['HGROUP', 'gid'],
};
const BY_CODE: Record<string, string> = {
  ...{ '%C': 'pcpu', '%G': 'group', '%P': 'ppid', '%U': 'user', '%a': 'args', '%c': 'comm', '%g': 'group' },
  ...{ '%n': 'nice', '%p': 'pid', '%r': 'pgid', '%t': 'etime', '%u': 'user', '%x': 'time', '%y': 'tty' },
  '%z': 'vsz',
};
const DEFAULT = ['user', 'pid', 'ppid', 'pcpu', 'etime', 'tty', 'time', 'args'];

/** A container's processes: by ps(1) of the host over its control group, or by Podman's names of columns. */
export async function topOf(
  engine: Engine,
  { id, state }: Container,
  options: string[],
): Promise<{ titles: string[]; processes: string[][] }> {
  if (state.status !== 'running')
    throw new Conflict('top can only be used on running containers: container state improper');
  const pids = await engine.processesOf(id);
  if (options.some((one) => one.startsWith('-'))) return await hostPs(pids, options);
  const names = (options.length === 0 ? DEFAULT : options.flatMap((one) => one.split(','))).map(
    (one) => BY_CODE[one] ?? one,
  );
  const unknown = names.find((one) => COLUMNS[one] === undefined);
  if (unknown !== undefined) throw new BadRequest(`'${unknown}': unknown descriptor`);
  const { isInUserNamespace } = rootlessFacts();
  const columns = names.map((one) => (isInUserNamespace && IDS[one]) || COLUMNS[one]!);
  const format = [['', 'pid'], ...columns].flatMap(([, ps]) => ['-o', `${ps}:32=C`]);
  const { stdout } = await runCommand('ps', ['-ww', ...format, '-p', pids.join(',')]);
  const rows = stdout.trimEnd().split('\n').slice(1);
  const inside = new Map<string, Inside>();
  for (const pid of pids) inside.set(String(pid), await insideOf(pid));
  return {
    titles: columns.map(([title]) => title),
    processes: rows.map((row) => {
      const [pid = '', ...cells] = splitRow(row, columns.length + 1);
      return cells.map((cell, i) => shown(names[i]!, cell, inside.get(pid), inside));
    }),
  };
}

/** A process as its own namespace numbers it. */
interface Inside {
  pid: string;
  pgid: string;
}

/** proc(5), `NSpid` and `NSpgid`: the innermost comes last. A process that has just ended has none. */
async function insideOf(pid: number): Promise<Inside> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return '';
    throw error;
  });
  const last = (name: string) => new RegExp(`^${name}:.*?(\\d+)$`, 'm').exec(status)?.[1] ?? '';
  return { pid: last('NSpid'), pgid: last('NSpgid') };
}

function shown(name: string, cell: string, own: Inside | undefined, inside: Map<string, Inside>): string {
  switch (name) {
    case 'pid':
      return own?.pid || cell;
    case 'pgid':
      return own?.pgid || cell;
    case 'ppid':
      // Its parent is outside of the namespace.
      return inside.get(cell)?.pid || '0';
    case 'huser':
    case 'hgroup':
      return onHost(name, cell);
    case 'pcpu':
      return Number(cell).toFixed(3);
    case 'etime':
    case 'time':
      return goSeconds(Number(cell));
    default:
      return cell;
  }
}

/** An ordinary user's processes have other ids outside of the namespace that we are in. */
function onHost(name: 'huser' | 'hgroup', id: string): string {
  const { isInUserNamespace, uidMap, gidMap } = rootlessFacts();
  if (!isInUserNamespace) return id;
  const range = (name === 'huser' ? uidMap : gidMap).find(
    ({ inner, length }) => Number(id) >= inner && Number(id) < inner + length,
  );
  return range === undefined ? id : String(range.outer + Number(id) - range.inner);
}

/** As Go prints a time.Duration: `1h2m3s`. */
function goSeconds(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const large = hours > 0 ? `${hours}h${minutes}m` : minutes > 0 ? `${minutes}m` : '';
  return `${large}${seconds % 60}s`;
}

function splitRow(row: string, count: number): string[] {
  const words = row.trim().split(/\s+/);
  return [...words.slice(0, count - 1), words.slice(count - 1).join(' ')];
}

async function hostPs(
  pids: number[],
  options: string[],
): Promise<{ titles: string[]; processes: string[][] }> {
  const { stdout } = await runCommand('ps', [...options]);
  const [heading = '', ...rows] = stdout.trimEnd().split('\n');
  const titles = heading.trim().split(/\s+/);
  const at = titles.indexOf('PID');
  if (at < 0) throw new BadRequest("Couldn't find PID field in ps output");
  const own = new Set(pids.map(String));
  return {
    titles,
    processes: rows.map((row) => splitRow(row, titles.length)).filter((fields) => own.has(fields[at]!)),
  };
}
