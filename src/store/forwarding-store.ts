import type {
  ListOptions,
  ListResult,
  Store,
  StoredValue,
  WatchBatch,
  WatchOptions,
  Write,
  WriteResult,
} from './store.ts';

/** A store that is another one; who sees something differently, or a part of it, overrides that. */
export class ForwardingStore implements Store {
  protected readonly inner: Store;

  constructor(inner: Store) {
    this.inner = inner;
  }

  get(key: string): Promise<StoredValue | undefined> {
    return this.inner.get(key);
  }

  list(options: ListOptions): Promise<ListResult> {
    return this.inner.list(options);
  }

  watch(options: WatchOptions): AsyncIterable<WatchBatch> {
    return this.inner.watch(options);
  }

  count(prefix: string): Promise<number> {
    return this.inner.count(prefix);
  }

  write(write: Write): Promise<WriteResult> {
    return this.inner.write(write);
  }

  revision(): number {
    return this.inner.revision();
  }

  sync(): Promise<number> {
    return this.inner.sync();
  }

  compactedRevision(): number {
    return this.inner.compactedRevision();
  }

  writeFailure(): ReturnType<NonNullable<Store['writeFailure']>> {
    return this.inner.writeFailure?.();
  }

  compact(revision: number): Promise<void> {
    return this.inner.compact(revision);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
