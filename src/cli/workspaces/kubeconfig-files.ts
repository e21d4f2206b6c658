import { constants } from 'node:fs';
import { access, chmod, chown, open, realpath, rm, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { NotFound, OrreryError, readIfThere, writeFileAtomic } from '../../base/index.ts';
import {
  changeKubeconfig,
  type Fields,
  type KubeconfigChange,
  type KubeconfigContent,
  type ListName,
  parseKubeconfig,
} from './kubeconfig-document.ts';

/** Fields of entries that name files, relative to the folder of the kubeconfig they stand in. */
const FILE_FIELDS = ['certificate-authority', 'client-certificate', 'client-key', 'tokenFile'];
/** How long somebody else may hold the lock: clientcmd holds it for one write. */
const LOCK_PATIENCE_MS = 2_000;
const LOCK_RETRY_MS = 50;

export interface KubeconfigPlaces {
  /** `--kubeconfig`: this one and no other. */
  explicit?: string;
  /** KUBECONFIG: several, with colons between. */
  variable?: string;
  /** Where it is when nothing was said; the first that exists. */
  defaults: readonly string[];
}

/**
 * The kubeconfig as kubectl sees it: of several files, the first that has an entry counts, and the first that has a
 * current-context. A change goes to the file that has the entry.
 *
 * @see https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
 */
export class KubeconfigFiles {
  readonly #contents: readonly (KubeconfigContent & { file: string })[];
  /** Where what is new goes. */
  readonly #first: string;

  private constructor(contents: readonly (KubeconfigContent & { file: string })[], first: string) {
    this.#contents = contents;
    this.#first = first;
  }

  /** @throws NotFound when `--kubeconfig` names none. @throws BadRequest naming the file that cannot be read. */
  static async load(places: KubeconfigPlaces): Promise<KubeconfigFiles> {
    const files = await filesOf(places);
    const contents = [];
    for (const file of files) {
      const text = await readIfThere(file);
      if (text === undefined && places.explicit !== undefined)
        throw new NotFound(`stat ${places.explicit}: no such file or directory`);
      if (text !== undefined) contents.push({ file, ...(await parseKubeconfig(text, file)) });
    }
    return new KubeconfigFiles(contents, contents[0]?.file ?? files[0]!);
  }

  /** False when there is no file, or nothing in it. */
  get hasContexts(): boolean {
    return this.#contents.some((content) => Object.keys(content.contexts).length > 0);
  }

  get currentContext(): string {
    return this.#contents.map((content) => content.currentContext).find((name) => name !== '') ?? '';
  }

  /** An entry with its file names made absolute. */
  find(list: ListName, name: string): Fields | undefined {
    const content = this.#holder(list, name);
    return content === undefined ? undefined : withAbsoluteFiles(content[list][name]!, content.file);
  }

  /**
   * Writes entries, each to the file that has one of its name, or else to that of the entry it was made from.
   *
   * @param madeFrom by `list/name`, the name of the entry that a new one is a copy of
   * @throws OrreryError KubeconfigUnwritable
   */
  async change(change: KubeconfigChange, madeFrom: Readonly<Record<string, string>> = {}): Promise<void> {
    const byFile = new Map<string, KubeconfigChange>();
    const changeOf = (file: string) => {
      const one = byFile.get(file) ?? {};
      byFile.set(file, one);
      return one;
    };
    for (const list of ['clusters', 'contexts', 'users'] as const)
      for (const [name, fields] of Object.entries(change[list] ?? {})) {
        const source = madeFrom[`${list}/${name}`];
        const holder =
          this.#holder(list, name) ?? (source === undefined ? undefined : this.#holder(list, source));
        const file = holder?.file ?? this.#first;
        const one = changeOf(file);
        one[list] = { ...one[list], [name]: withRelativeFiles(fields, file) };
      }
    if (change.currentContext !== undefined && change.currentContext !== this.currentContext)
      changeOf(this.#first).currentContext = change.currentContext;
    for (const [file, one] of byFile) await changeFile(file, one);
  }

  #holder(list: ListName, name: string): (KubeconfigContent & { file: string }) | undefined {
    return this.#contents.find((content) => Object.hasOwn(content[list], name));
  }
}

async function filesOf({ explicit, variable, defaults }: KubeconfigPlaces): Promise<string[]> {
  if (explicit !== undefined) return [resolve(explicit)];
  const named = (variable ?? '').split(':').filter((file) => file !== '');
  if (named.length > 0) return [...new Set(named.map((file) => resolve(file)))];
  for (const file of defaults) {
    const isReadable = await access(file, constants.R_OK).then(
      () => true,
      () => false, // absent, or of somebody else: the next one then
    );
    if (isReadable) return [file];
  }
  return [defaults[0]!];
}

function withAbsoluteFiles(fields: Fields, file: string): Fields {
  const changed: Record<string, unknown> = { ...fields };
  for (const field of FILE_FIELDS) {
    const path = changed[field];
    if (typeof path === 'string' && path !== '' && !isAbsolute(path))
      changed[field] = join(dirname(file), path);
  }
  const exec = changed.exec as { command?: unknown } | undefined;
  // A name alone is looked for on PATH.
  if (typeof exec?.command === 'string' && exec.command.includes('/'))
    changed.exec = { ...exec, command: resolve(dirname(file), exec.command) };
  return changed;
}

/** As clientcmd writes them: relative when they lie in the kubeconfig's own folder or below. */
function withRelativeFiles(fields: Fields, file: string): Fields {
  const folder = `${dirname(file)}/`;
  const changed: Record<string, unknown> = { ...fields };
  for (const field of FILE_FIELDS) {
    const path = changed[field];
    if (typeof path === 'string' && path.startsWith(folder)) changed[field] = path.slice(folder.length);
  }
  return changed;
}

async function changeFile(named: string, change: KubeconfigChange): Promise<void> {
  // A link stays one.
  const file = await realpath(named).catch(() => named);
  const release = await lock(file);
  try {
    // Read again: somebody may have written since.
    const before = await readIfThere(file);
    const text = await changeKubeconfig(before ?? '', change, named);
    if (text !== before) await replace(file, text);
  } catch (error) {
    throw asUnwritable(error, file);
  } finally {
    await release();
  }
}

/** Keeps who owns the file and who may read it. */
async function replace(file: string, text: string): Promise<void> {
  const before = await stat(file).catch(() => undefined);
  const mode = before === undefined ? 0o600 : before.mode & 0o7777;
  await writeFileAtomic(file, text, { mode: mode & 0o700 });
  if (before === undefined) return;
  if (before.uid !== process.geteuid!() || before.gid !== process.getegid!())
    await chown(file, before.uid, before.gid);
  await chmod(file, mode);
}

/** The lock that kubectl takes for a write: a file beside it that must not be there. */
async function lock(file: string): Promise<() => Promise<void>> {
  const path = `${file}.lock`;
  const deadline = Date.now() + LOCK_PATIENCE_MS;
  for (;;) {
    try {
      await (await open(path, 'wx', 0)).close();
      return () => rm(path, { force: true });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // The first kubeconfig of a user: its folder is made with it.
      if (code === 'ENOENT') return async () => undefined;
      if (code !== 'EEXIST') throw asUnwritable(error, file);
      if (Date.now() > deadline)
        throw new OrreryError('KubeconfigUnwritable', `${file} is being changed by another program`, {
          hint: `if there is none, remove ${path}`,
          cause: error,
        });
    }
    await delay(LOCK_RETRY_MS);
  }
}

function asUnwritable(error: unknown, file: string): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  const why: Record<string, string> = {
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    EROFS: 'the file system is read-only',
    ENOSPC: 'no space left on the device',
  };
  if (error instanceof OrreryError || code === undefined) return error;
  return new OrreryError('KubeconfigUnwritable', `cannot change ${file}: ${why[code] ?? message}`, {
    hint: 'copy it to a place of your own and set KUBECONFIG to that',
    cause: error,
  });
}
