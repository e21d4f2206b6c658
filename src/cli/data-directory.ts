import { constants } from 'node:fs';
import { access, chmod, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolder, OrreryError } from '../base/index.ts';

/** Where everything of one Orrery lives. */
export interface DataDirectory {
  root: string;
  store: string;
  pki: string;
  kubeconfig: string;
  /** The node's own kubeconfig. */
  nodeKubeconfig: string;
  logs: string;
  /** Sockets and pid files of running processes. */
  run: string;
  engine: string;
  node: string;
  /** Volumes of class `local-path`. */
  storage: string;
  /** What locks the keys that servers of one store share. */
  token: string;
}

export function dataDirectoryAt(root: string): DataDirectory {
  return {
    root,
    store: join(root, 'store'),
    pki: join(root, 'pki'),
    kubeconfig: join(root, 'kubeconfig'),
    nodeKubeconfig: join(root, 'pki', 'node.kubeconfig'),
    logs: join(root, 'logs'),
    run: join(root, 'run'),
    engine: join(root, 'engine'),
    node: join(root, 'node'),
    storage: join(root, 'storage'),
    token: join(root, 'token'),
  };
}

/** Makes the folders. @throws OrreryError `DataDirectoryUnusable` when they cannot be made or written to. */
export async function prepareDataDirectory(root: string): Promise<DataDirectory> {
  const directory = dataDirectoryAt(root);
  try {
    await makeFolder(root, 0o755);
    await access(root, constants.W_OK | constants.X_OK);
    // Keys, Secrets as files, what containers print, setuid programs of images: nobody else's.
    const { store, pki, run, logs, engine, node, storage } = directory;
    for (const folder of [store, pki, run, logs, engine, node, storage]) {
      await makeFolder(folder, 0o700);
      await chmod(folder, 0o700);
    }
  } catch (cause) {
    throw await unusable(root, cause as NodeJS.ErrnoException);
  }
  return directory;
}

async function unusable(root: string, cause: NodeJS.ErrnoException): Promise<OrreryError> {
  const why: Record<string, string> = {
    EACCES: 'permission denied',
    EROFS: 'the file system is read-only',
    ENOSPC: 'no space left on the device',
    ENOTDIR: 'a part of the path is not a directory',
    EEXIST: 'it is not a directory',
    ENOENT: 'a folder cannot be made there',
  };
  const parent = await stat(dirname(root)).catch(() => undefined);
  return new OrreryError(
    'DataDirectoryUnusable',
    `cannot use data directory ${root}: ${why[cause.code ?? ''] ?? cause.message}`,
    {
      hint:
        parent === undefined
          ? 'check the path'
          : 'choose another one with --data-dir or ORRERY_DATA_DIR, or run as a user who may write there',
      cause,
    },
  );
}
