import { OrreryError } from '../base/index.ts';

/** Another process has the directory open. */
export function storeLocked(directory: string, ownerPid: number | undefined): OrreryError {
  const owner = ownerPid === undefined ? 'another process' : `process ${ownerPid}`;
  return new OrreryError('StoreLocked', `the store in ${directory} is in use by ${owner}`, {
    details: { directory, ...(ownerPid !== undefined && { pid: ownerPid }) },
    hint: 'end it with `orrery down`, or choose another data directory',
  });
}

/** The file is ours, or was, but is damaged. */
export function storeCorrupt(path: string, what: string, cause?: unknown): OrreryError {
  return new OrreryError('StoreCorrupt', `the store file ${path} is damaged: ${what}`, {
    details: { path },
    hint: 'nothing was changed; restore the file from a backup, or move it away to start empty',
    cause,
  });
}

/** The file is something else's, or of a format this version does not know. */
export function storeForeign(path: string, what: string): OrreryError {
  return new OrreryError('StoreForeign', `${path} is not a store of this program: ${what}`, {
    details: { path },
    hint: 'nothing was changed; choose another data directory, or move the file away',
  });
}

/** The disk has no room: this write is not stored, reads go on, later writes may succeed. */
export function storeFull(path: string, cause: unknown): OrreryError {
  return new OrreryError(
    'StoreFull',
    `no space left on the disk of ${path}: the store is read-only, but for deletions`,
    {
      details: { path },
      hint: 'free some space on that disk and try again',
      cause,
    },
  );
}

/** The operating system refused: permissions, read-only file system, a failing disk. */
export function storeUnavailable(path: string, what: string, cause?: unknown): OrreryError {
  return new OrreryError('StoreUnavailable', `the store in ${path} cannot be used: ${what}`, {
    details: { path },
    cause,
  });
}

export function storeClosed(): OrreryError {
  return new OrreryError('StoreClosed', 'the store is closed');
}

/** There is no store in the directory. */
export function storeMissing(directory: string): OrreryError {
  return new OrreryError('StoreMissing', `there is no store in ${directory}`, { details: { directory } });
}

/** A restore or migration goes only where nothing is. */
export function storeNotEmpty(where: string): OrreryError {
  return new OrreryError('StoreNotEmpty', `there is a store in ${where} already`, {
    details: { where },
    hint: 'nothing was changed; choose an empty place, or move what is there away',
  });
}
