import type { Clock } from '../../base/index.ts';
import { type KubeObject, ROOT_WORKSPACE } from '../../kube/index.ts';
import type { StoredObjects } from '../admission/admission.ts';

export type SubjectKind = 'ServiceAccount' | 'Pod' | 'Secret' | 'Node';

/** An object whose deletion has begun still counts for this long: its pods say good-bye. As upstream. */
const DELETION_LEEWAY_MS = 60_000;

/** What tokens stand for and are bound to, as it is stored now. */
export class TokenSubjects {
  readonly #objects: Pick<StoredObjects, 'find'>;
  readonly #clock: Clock;

  constructor(objects: Pick<StoredObjects, 'find'>, clock: Clock) {
    this.#objects = objects;
    this.#clock = clock;
  }

  /** The very object a token was made for, unless it is gone or has been going for a minute. */
  async find<T extends KubeObject>(
    kind: SubjectKind,
    { workspace, namespace }: { workspace: string; namespace: string },
    { name, uid }: { name: string; uid?: string },
  ): Promise<Readonly<T> | undefined> {
    const found = await this.#objects.find<T>(
      { group: '', resource: `${kind.toLowerCase()}s` },
      // Nodes are those of the cloud, whosever pod runs there.
      kind === 'Node' ? { workspace: ROOT_WORKSPACE, name } : { workspace, namespace, name },
    );
    if (found === undefined || (uid !== undefined && found.metadata.uid !== uid)) return undefined;
    const { deletionTimestamp } = found.metadata;
    if (deletionTimestamp === undefined) return found;
    return this.#clock.now() < Date.parse(deletionTimestamp) + DELETION_LEEWAY_MS ? found : undefined;
  }
}
