import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { type Clock, Conflict } from '../../base/index.ts';
import type { Engine } from '../../engine/index.ts';
import type { ContainerStats } from '../libpod.ts';
import { statusOf } from './status.ts';
import type { Container } from './stored-container.ts';

const TICKS_PER_SECOND = 100;

/** What the kernel counts of a running container, as of now. */
export async function statsOf(engine: Engine, container: Container, clock: Clock): Promise<ContainerStats> {
  const { id, name, state } = container;
  const counted = await engine.statistics(id);
  if (counted === undefined || state.pid === undefined)
    throw new Conflict(
      `container ${id} is ${statusOf(state)}: cannot retrieve stats: container state improper`,
    );
  return {
    ...{ id, name, readAt: new Date(clock.now()).toISOString() },
    ...counted,
    systemCpuNs: systemCpuNs(await readFile('/proc/stat', 'utf8')),
    onlineCpus: cpus().length,
    networks: await networksOf(state.pid, container.stored.hostConfig.NetworkMode ?? ''),
    startedAt: state.startedAt ?? state.createdAt,
  };
}

/** proc(5): the first line of /proc/stat, in ticks; without guests, which are in `user` already. */
function systemCpuNs(stat: string): number {
  const ticks = stat
    .slice(0, stat.indexOf('\n'))
    .split(/\s+/)
    .slice(1, 9)
    .reduce((sum, one) => sum + Number(one), 0);
  return (ticks * 1e9) / TICKS_PER_SECOND;
}

/** /proc/<pid>/net/dev is of that process's network namespace; the host's is nobody's own. */
async function networksOf(pid: number, mode: string): Promise<ContainerStats['networks']> {
  if (mode === 'host') return {};
  const networks: ContainerStats['networks'] = {};
  for (const line of (await readFile(`/proc/${pid}/net/dev`, 'utf8')).split('\n').slice(2)) {
    const [device = '', counters] = line.split(':');
    const name = device.trim();
    if (counters === undefined || name === 'lo' || name === '') continue;
    const [rxBytes, rxPackets, rxErrors, rxDropped, , , , , txBytes, txPackets, txErrors, txDropped] =
      counters.trim().split(/\s+/).map(Number) as number[];
    networks[name] = {
      ...{ rxBytes: rxBytes!, txBytes: txBytes!, rxPackets: rxPackets!, txPackets: txPackets! },
      ...{ rxErrors: rxErrors!, txErrors: txErrors!, rxDropped: rxDropped!, txDropped: txDropped! },
    };
  }
  return networks;
}
