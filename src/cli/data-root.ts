import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { BadRequest } from '../base/index.ts';
import { rootlessFacts } from '../engine/rootless/index.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** `--data-dir`, else ORRERY_DATA_DIR, else /var/lib/orrery for root and $XDG_DATA_HOME/orrery for others. */
export function dataDirectoryOf(flag: string | undefined, env: Environment = process.env): string {
  const given = flag ?? env.ORRERY_DATA_DIR;
  if (given !== undefined) {
    if (given === '') throw new BadRequest('--data-dir must not be empty');
    return resolve(given);
  }
  if (process.getuid!() === 0 && !rootlessFacts().isRootless) return '/var/lib/orrery';
  const share = env.XDG_DATA_HOME;
  return join(
    share !== undefined && isAbsolute(share) ? share : join(homedir(), '.local', 'share'),
    'orrery',
  );
}

/** Six hex digits that keep what lives in one folder apart from others on the host. */
export function instanceOf(dataDirectory: string): string {
  return createHash('sha256').update(dataDirectory).digest('hex').slice(0, 6);
}

/** The first subnet of the cluster's range; a fleet gives each node the next. */
export function nodeSubnet(clusterCidr: string): string {
  return `${clusterCidr.split('/')[0]}/24`;
}
