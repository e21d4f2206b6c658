import { chmod, lstat, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BadRequest, type Clock, type Log } from '../../base/index.ts';
import { type Client, Controller, Informer, NODES } from '../../client/index.ts';
import { type corev1, LOCAL_PATH_REMOVAL } from '../../kube/index.ts';
import { absent } from './atomic-writer.ts';
import { removeFolderWithMounts } from './mount-point.ts';

const FOLDER = /^pvc-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}_[a-z0-9-]+_[a-z0-9.-]+$/;

/** `pvc-<uid>_<namespace>_<claim>`: one path segment that leads nowhere else; of this volume, if one is named. */
export function isFolderName(name: string, volume = ''): boolean {
  return FOLDER.test(name) && name.startsWith(volume === '' ? '' : `${volume}_`);
}

export interface LocalPathFoldersOptions {
  nodeName: string;
  /** Only the node's: nobody else may come into it, so that no link can be put there. */
  directory: string;
  client: Client;
  clock: Clock;
  log: Log;
}

/** The folders of this node that volumes of class `local-path` are. */
export class LocalPathFolders {
  readonly #options: LocalPathFoldersOptions;

  constructor(options: LocalPathFoldersOptions) {
    this.#options = options;
  }

  /** Whether a hostPath is one of ours. */
  owns(path: string): boolean {
    return dirname(path) === this.#options.directory;
  }

  /** Makes the folder, for whatever user the pod has, unless it is there. @throws BadRequest when its name is not ours */
  async make(path: string): Promise<void> {
    const name = path.slice(this.#options.directory.length + 1);
    if (!this.owns(path) || !isFolderName(name)) throw new BadRequest(`"${path}" is no folder of local-path`);
    await mkdir(this.#options.directory, { recursive: true, mode: 0o700 });
    if ((await lstat(path).catch(absent)) !== undefined) return;
    await mkdir(path);
    await chmod(path, 0o777);
  }

  /** Removes what the Node's annotations ask for, and says so there. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, clock, log, nodeName } = this.#options;
    const removals = new Map<string, string>();
    const controller = new Controller({
      name: 'local-path',
      clock,
      log,
      reconcile: (volume) => this.#remove(volume, removals),
    });
    const informer = new Informer<corev1.Node>({
      client,
      resource: NODES,
      fieldSelector: `metadata.name=${nodeName}`,
      clock,
      log,
    });
    const look = ({ metadata }: corev1.Node) => {
      for (const [key, value] of Object.entries(metadata.annotations ?? {})) {
        if (!key.startsWith(LOCAL_PATH_REMOVAL.prefix) || value === LOCAL_PATH_REMOVAL.done) continue;
        const volume = key.slice(LOCAL_PATH_REMOVAL.prefix.length);
        removals.set(volume, value);
        controller.queue.add(volume);
      }
    };
    informer.addHandler({ onAdd: look, onUpdate: look });
    await Promise.all([informer.run(signal), controller.run(signal)]);
  }

  async #remove(volume: string, removals: Map<string, string>): Promise<undefined> {
    const { client, directory, log, nodeName } = this.#options;
    const folder = removals.get(volume);
    if (folder === undefined) return undefined;
    if (!isFolderName(folder, volume)) {
      log.error('not removed: no folder of a local volume', { volume, folder });
      return undefined;
    }
    await removeFolderWithMounts(join(directory, folder));
    const annotations = { [LOCAL_PATH_REMOVAL.prefix + volume]: LOCAL_PATH_REMOVAL.done };
    await client
      .resource<corev1.Node>(NODES)
      .patch(nodeName, { type: 'merge', body: { metadata: { annotations } } });
    removals.delete(volume);
    log.info('local volume removed', { volume });
    return undefined;
  }
}
