import { NotFound } from '../../base/index.ts';
import {
  type Client,
  ENDPOINT_SLICES,
  type Informer,
  makeKey,
  splitKey,
  workspaceOf,
} from '../../client/index.ts';
import type { discoveryv1 } from '../../kube/index.ts';
import { AwaitedSlices } from './awaited-slices.ts';
import { MANAGED_BY, SERVICE_NAME } from './slice-plan.ts';

type Slice = discoveryv1.EndpointSlice;
type SliceDraft = Parameters<ReturnType<typeof sliceClient>['create']>[0];

export interface OwnSlicesOptions {
  client: Client;
  slices: Informer<Slice>;
  /** Value of the label endpointslice.kubernetes.io/managed-by. */
  manager: string;
  /** Told the key of a service whose slices have changed. */
  changed(key: string): void;
}

/** The slices that one controller manages, by the key of their service, and its writes of them. */
export class OwnSlices {
  readonly #options: OwnSlicesOptions;
  readonly #awaited = new AwaitedSlices();

  constructor(options: OwnSlicesOptions) {
    this.#options = options;
    const { changed, manager, slices } = options;
    slices.addIndex(manager, (slice) => {
      const key = this.#keyOf(slice);
      return key === undefined ? [] : [key];
    });
    const seen = (slice: Slice, what?: 'created' | 'deleted') => {
      const key = this.#keyOf(slice);
      if (key === undefined) return;
      if (what !== undefined) this.#awaited.seen(key, slice.metadata.name, what);
      changed(key);
    };
    slices.addHandler({
      onAdd: (slice) => seen(slice, 'created'),
      onUpdate: (slice) => seen(slice),
      onDelete: (slice) => seen(slice, 'deleted'),
    });
  }

  of(key: string): readonly Slice[] {
    return this.#options.slices.byIndex(this.#options.manager, key);
  }

  /** The cache does not show all that was written; what it lacks brings the key back. */
  isBehind(key: string): boolean {
    return this.#awaited.any(key);
  }

  async create(key: string, draft: SliceDraft): Promise<void> {
    const { metadata } = await this.#client(key).create(draft);
    this.#await(key, metadata.name, 'created');
  }

  async update(key: string, slice: Slice): Promise<void> {
    await this.#client(key).update(slice);
  }

  async delete(key: string, { metadata: { name, namespace } }: Slice): Promise<void> {
    try {
      await this.#client(key).delete(name, { namespace: namespace! });
      this.#await(key, name, 'deleted');
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }

  forget(key: string): void {
    this.#awaited.forget(key);
  }

  #await(key: string, name: string, what: 'created' | 'deleted'): void {
    const { workspace, namespace } = splitKey(key);
    const shown = this.#options.slices.get(makeKey(workspace, namespace, name)) !== undefined;
    this.#awaited.expect(key, name, what, shown);
  }

  #client(key: string) {
    return sliceClient(this.#options.client, key);
  }

  #keyOf(slice: Slice): string | undefined {
    const { labels = {}, namespace = '' } = slice.metadata;
    const service = labels[SERVICE_NAME];
    if (service === undefined || labels[MANAGED_BY] !== this.#options.manager) return undefined;
    return makeKey(workspaceOf(slice), namespace, service);
  }
}

function sliceClient(client: Client, key: string) {
  return client.in(splitKey(key).workspace).resource<Slice>(ENDPOINT_SLICES);
}
