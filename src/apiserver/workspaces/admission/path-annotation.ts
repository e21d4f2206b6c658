import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from '../../admission/admission.ts';
import { LOGICAL_CLUSTERS } from '../workspace-directory.ts';
import { logicalClusterOf, PATH_ANNOTATION, pathOf } from './logical-cluster-facts.ts';
import { refused } from './refusal.ts';

/** What is found by the path of its workspace. */
const FOUND_BY_PATH = new Set(['apis.kcp.io/apiexports', 'tenancy.kcp.io/workspacetypes']);

/**
 * What others refer to by path says the path of its workspace, and nothing says another one's.
 * Source: kcp pkg/admission/pathannotation.
 */
export class PathAnnotation implements AdmissionPlugin {
  readonly name = 'kcp.io/PathAnnotation';
  readonly #objects: Pick<StoredObjects, 'find'>;

  constructor(objects: Pick<StoredObjects, 'find'>) {
    this.#objects = objects;
  }

  mutate(request: AdmissionRequest): Promise<void> | undefined {
    return hasPath(request) ? this.#set(request) : undefined;
  }

  validate(request: AdmissionRequest): Promise<void> | undefined {
    return hasPath(request) ? this.#check(request) : undefined;
  }

  async #set(request: AdmissionRequest): Promise<void> {
    const { metadata } = request.object!;
    metadata.annotations = { ...metadata.annotations, [PATH_ANNOTATION]: await this.#pathOf(request) };
  }

  async #check(request: AdmissionRequest): Promise<void> {
    const path = await this.#pathOf(request);
    if (request.object!.metadata.annotations?.[PATH_ANNOTATION] !== path)
      throw refused(
        request,
        `annotation ${JSON.stringify(PATH_ANNOTATION)} must match canonical path ${JSON.stringify(path)}`,
      );
  }

  async #pathOf(request: AdmissionRequest): Promise<string> {
    const found = await logicalClusterOf(this.#objects, request, 'cannot get this workspace: ');
    return pathOf(found, request.workspace);
  }
}

function hasPath({ operation, resource, object }: AdmissionRequest): boolean {
  if ((operation !== 'CREATE' && operation !== 'UPDATE') || object === undefined) return false;
  if (resource.group === LOGICAL_CLUSTERS.group && resource.name === LOGICAL_CLUSTERS.resource) return false;
  return (
    object.metadata.annotations?.[PATH_ANNOTATION] !== undefined ||
    FOUND_BY_PATH.has(`${resource.group}/${resource.name}`)
  );
}
