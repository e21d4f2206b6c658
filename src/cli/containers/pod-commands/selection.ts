import { readFileSync } from 'node:fs';
import { BadRequest, NotFound } from '../../../base/index.ts';
import type { Libpod } from '../../../libpod/index.ts';
import { type Flag, type FlagValues, flag } from '../../grammar/index.ts';

export const latestPodFlag: Flag = flag('bool', 'latest,l', 'Act on the latest pod podman is aware of');
export const podIdFileFlag: Flag = flag('stringArray', 'pod-id-file', 'Read the pod ID from the file');
export const ignoreFlag: Flag = flag('bool', 'ignore,i', 'Ignore errors when a specified pod is missing', {
  hidden: true,
});
export const timeFlag: Flag = flag(
  'uint',
  'time,t',
  'Seconds to wait for pod stop before killing the container',
  {
    default: 10,
    aliases: ['timeout'],
  },
);

/**
 * The pods that flags and names choose.
 *
 * @throws BadRequest in Podman's words @throws NotFound for a name that is nobody's, unless `--ignore` (or `--force`)
 */
export async function choosePods(
  libpod: Libpod,
  flags: FlagValues,
  args: readonly string[],
): Promise<{ id: string; shown: string }[]> {
  const names = [...args, ...idFiles(flags)];
  const isAll = flags.has('all') && flags.bool('all');
  const isLatest = flags.has('latest') && flags.bool('latest');
  if (isAll && isLatest) throw new BadRequest('--all and --latest cannot be used together');
  if (names.length > 0 && isAll) throw new BadRequest('no arguments are needed with --all');
  if (names.length > 0 && isLatest) throw new BadRequest('--latest and pods cannot be used together');
  const isIgnored = isSet(flags, 'ignore') || isSet(flags, 'force');
  if (names.length === 0 && !isAll && !isLatest) {
    if (isSet(flags, 'ignore')) return [];
    throw new BadRequest('you must provide at least one name or id');
  }
  if (isAll) return (await libpod.pods.list()).map(({ id }) => ({ id, shown: id }));
  if (isLatest) return [await latestPod(libpod)];
  const chosen: { id: string; shown: string }[] = [];
  for (const shown of names) {
    try {
      chosen.push({ id: await libpod.pods.idOf(shown), shown });
    } catch (error) {
      if (!isIgnored || !(error instanceof NotFound)) throw error;
    }
  }
  return chosen;
}

export async function latestPod(libpod: Libpod): Promise<{ id: string; shown: string }> {
  const latest = (await libpod.pods.list()).at(-1);
  if (latest === undefined) throw new NotFound('no pods exist: no such pod');
  return { id: latest.id, shown: latest.id };
}

/** The pod that the first argument, or `--latest`, names. */
export async function chooseOnePod(
  libpod: Libpod,
  flags: FlagValues,
  args: readonly string[],
  complaint: string,
): Promise<{ id: string; rest: readonly string[] }> {
  if (flags.bool('latest')) return { id: (await latestPod(libpod)).id, rest: args };
  if (args[0] === undefined) throw new BadRequest(complaint);
  return { id: await libpod.pods.idOf(args[0]), rest: args.slice(1) };
}

function isSet(flags: FlagValues, name: string): boolean {
  return flags.has(name) && flags.bool(name);
}

function idFiles(flags: FlagValues): string[] {
  if (!flags.has('pod-id-file')) return [];
  return flags.strings('pod-id-file').map((path) => {
    try {
      return readFileSync(path, 'utf8').split('\n')[0]!;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new BadRequest(`reading pod ID file: open ${path}: no such file or directory`);
    }
  });
}
