import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { OrreryError, writeFileAtomic } from '../base/index.ts';

/** In the data directory, once its cluster lives in an etcd. */
const FILE = 'store-url';

/** Notes that the cluster of a data directory is in an etcd, so that nobody goes on from the file by mistake. */
export async function rememberStore(root: string, url: string): Promise<void> {
  await writeFileAtomic(join(root, FILE), `${url}\n`, { mode: 0o600 });
}

/** The cluster is in the data directory's own file again. */
export async function forgetStore(root: string): Promise<void> {
  await rm(join(root, FILE), { force: true });
}

/**
 * A cluster with two stores would be two clusters of one name.
 *
 * @throws OrreryError StoreElsewhere when the file is asked for and the cluster is in an etcd
 */
export async function checkStorePlace(root: string, url: string | undefined): Promise<void> {
  if (url !== undefined) return;
  const path = join(root, FILE);
  let known: string;
  try {
    known = (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  throw new OrreryError('StoreElsewhere', `the cluster of ${root} is in ${known}`, {
    hint: `start with --store ${known} (or ORRERY_STORE), or bring it back with \`orrery store migrate --from\`; to give it up, remove ${path}`,
  });
}
