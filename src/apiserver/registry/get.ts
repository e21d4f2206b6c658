import { objectNotFound } from '../errors.ts';
import type { StoredObject } from '../storage/object-storage.ts';
import { checkReached } from './list.ts';
import { readListOptions } from './list-options.ts';
import { type Answer, keyOf, objectAnswer, type Registry, type ResourceRequest } from './registry.ts';
import { presented } from './workspaces.ts';

/** GET of one object: the stored bytes, untouched. */
export async function get(registry: Registry, request: ResourceRequest): Promise<Answer> {
  const { query } = request.request;
  if (query?.has('resourceVersion'))
    await checkReached(registry, readListOptions(onlyRevision(query), false));
  return objectAnswer(
    200,
    request.resource,
    presented(registry, request, await readNamed(registry, request)),
  );
}

/** @throws NotFound */
export async function readNamed(registry: Registry, request: ResourceRequest): Promise<StoredObject> {
  const stored = await registry.storage.get(keyOf(registry, request, request.name!));
  if (stored === undefined) throw objectNotFound(request.resource, request.name!);
  return stored;
}

function onlyRevision(query: URLSearchParams): URLSearchParams {
  return new URLSearchParams({ resourceVersion: query.get('resourceVersion') ?? '' });
}
