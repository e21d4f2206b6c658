import { type Log, messageOf } from '../../base/index.ts';
import type { Resource } from '../../kube/index.ts';
import type { User } from '../http/messages.ts';
import { deleteNamed } from '../registry/delete.ts';
import type { Registry } from '../registry/registry.ts';
import { addressOf } from '../storage/keys.ts';

const SERVER: User = { name: 'system:apiserver', groups: ['system:masters'] };
const RETRY_MS = 5000;

/**
 * Deletes every object of a definition that goes, in its workspace, and resolves when the last is gone: those that
 * have finalizers are waited for. Source: k8s.io/apiextensions-apiserver/pkg/controller/finalizer.
 */
export async function removeInstances(
  registry: Registry,
  resource: Resource,
  options: { workspace: string; signal: AbortSignal; log: Log },
): Promise<void> {
  const { workspace, signal, log } = options;
  const prefix = registry.storage.prefixOf(resource, workspace);
  const { store } = registry.storage;
  while (!signal.aborted) {
    const { items, revision } = await store.list({ prefix });
    if (items.length === 0) return;
    for (const { key } of items) {
      try {
        await removeOne(registry, resource, key);
      } catch (error) {
        if ((error as { code?: unknown }).code !== 'NotFound')
          log.warn('a custom resource could not be deleted', { key, error: messageOf(error) });
      }
    }
    if ((await store.count(prefix)) === 0) return;
    await nextChange(registry, prefix, revision, signal);
  }
}

async function removeOne(registry: Registry, resource: Resource, key: string): Promise<void> {
  const { workspace, namespace, name } = addressOf(key);
  await deleteNamed(
    registry,
    {
      resource,
      workspace,
      name,
      ...(namespace !== undefined && { namespace }),
      user: SERVER,
      request: { method: 'DELETE', path: key },
    },
    name,
    { dryRun: false },
  );
}

/** Somebody may have taken a finalizer away, or what failed may work by now. */
async function nextChange(
  registry: Registry,
  prefix: string,
  after: number,
  signal: AbortSignal,
): Promise<void> {
  const ending = new AbortController();
  const end = () => ending.abort();
  const timer = setTimeout(end, RETRY_MS);
  signal.addEventListener('abort', end, { once: true });
  try {
    for await (const batch of registry.storage.store.watch({ prefix, after, signal: ending.signal }))
      if (batch.events.some(({ type }) => type === 'delete')) break;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
    end();
  }
}
