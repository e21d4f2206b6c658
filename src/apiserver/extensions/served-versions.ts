import { NotFound } from '../../base/index.ts';
import {
  BOUND_DEFINITIONS_WORKSPACE,
  type CustomResourceDefinition,
  customResource,
  equalJson,
  type Resource,
} from '../../kube/index.ts';
import { decodeText } from '../http/messages.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';
import type { WebhookClient } from '../webhooks/webhook-client.ts';
import { converterOf } from './converter.ts';
import { CustomStorage } from './custom-storage.ts';
import { ObjectView } from './object-view.ts';

/** Compiled definitions kept for the next request: so many, and of schemas of so many bytes of JSON together. */
const LOADED_LIMIT = 64;
const LOADED_LIMIT_BYTES = 8 * 1024 * 1024;

/** One served version, ready for requests. */
export interface ServedResource {
  resource: Resource;
  storage: ObjectStorage;
  /** Aborted when the definition changes or goes: watches end. */
  closing: AbortSignal;
  terminating: boolean;
  /** What users of a deprecated version are told. */
  deprecation: string | undefined;
}

/** What is kept of a definition to compile its versions. */
export interface ServedDefinition {
  key: string;
  workspace: string;
  revision: number;
  /** Of what serving depends on; a change of it ends watches. */
  hash: string;
  schemaRevision: number;
  sizeBytes: number;
  terminating: boolean;
  /** Of a bound definition: the workspace of the schema it is a copy of. */
  provider: string;
  closing: AbortController;
}

/** Versions of definitions, compiled: those that were asked for last. */
export class ServedVersions {
  readonly #parts: { storage: ObjectStorage; webhooks: WebhookClient };
  readonly #loaded = new Map<string, { served: Promise<ServedResource>; sizeBytes: number }>();

  constructor(parts: { storage: ObjectStorage; webhooks: WebhookClient }) {
    this.#parts = parts;
  }

  /** Compiled at its first use. @throws NotFound */
  of(entry: ServedDefinition, version: string): Promise<ServedResource> {
    const id = `${entry.key} ${entry.hash} ${entry.revision} ${version}`;
    let loaded = this.#loaded.get(id);
    if (loaded === undefined) {
      loaded = { served: this.load(entry, version), sizeBytes: entry.sizeBytes };
      loaded.served.catch(() => this.#loaded.delete(id));
    } else this.#loaded.delete(id);
    this.#loaded.set(id, loaded);
    this.#forgetOldest();
    return loaded.served;
  }

  #forgetOldest(): void {
    let total = 0;
    for (const { sizeBytes } of this.#loaded.values()) total += sizeBytes;
    for (const [id, { sizeBytes }] of this.#loaded) {
      if (this.#loaded.size <= 1 || (this.#loaded.size <= LOADED_LIMIT && total <= LOADED_LIMIT_BYTES)) break;
      this.#loaded.delete(id);
      total -= sizeBytes;
    }
  }

  /** As it is stored. */
  async definition(key: string): Promise<CustomResourceDefinition | undefined> {
    const stored = await this.#parts.storage.get(key);
    return stored && (JSON.parse(decodeText(stored.bytes)) as CustomResourceDefinition);
  }

  async load(entry: ServedDefinition, version: string): Promise<ServedResource> {
    const crd = await this.definition(entry.key);
    const described = crd?.spec.versions.find(({ name }) => name === version);
    if (crd === undefined || described === undefined)
      throw new NotFound('the server could not find the requested resource');
    const resource = customResource(crd, described);
    const converter = converterOf(crd, {
      webhooks: this.#parts.webhooks,
      workspace: entry.provider,
      isBound: entry.workspace === BOUND_DEFINITIONS_WORKSPACE,
    });
    const view = new ObjectView({
      resource,
      storageVersion: crd.spec.versions.find(({ storage }) => storage)!.name,
      schemaRevision: entry.schemaRevision,
      converter,
      isAlone:
        converter === undefined &&
        crd.spec.versions.every(({ served, schema }) => !served || equalJson(schema, described.schema)),
    });
    return {
      resource,
      storage: new CustomStorage(this.#parts.storage.store, view),
      closing: entry.closing.signal,
      terminating: entry.terminating,
      deprecation:
        described.deprecated === true ? deprecationOf(resource, described.deprecationWarning) : undefined,
    };
  }
}

/** k8s.io/apiextensions-apiserver/pkg/apiserver/customresource_handler.go, getOrCreateServingInfoFor. */
function deprecationOf({ group, version, kind }: Resource, warning: string | undefined): string {
  return warning ?? `${group}/${version} ${kind} is deprecated`;
}
