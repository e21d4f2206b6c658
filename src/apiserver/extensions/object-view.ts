import { applyDefaults, decodeObject, type KubeObject, type Resource } from '../../kube/index.ts';
import { decodeText, encodeText } from '../http/messages.ts';
import type { Converter } from './converter.ts';

/** Stored bytes with the revision they were written at. */
export interface StoredBytes {
  bytes: Uint8Array;
  revision: number;
}

/**
 * How one served version of a custom resource sees what is stored: converted to its version, and pruned and
 * defaulted again when the schema is younger than the object (defaulting on read). Bytes that are right as they
 * stand are handed on untouched.
 */
export class ObjectView {
  readonly resource: Resource;
  readonly #storageVersion: string;
  readonly #converter: Converter | undefined;
  /** Objects written after this revision were written by this schema. */
  readonly #schemaRevision: number;
  readonly #isAlone: boolean;
  readonly #apiVersion: string;
  readonly #head: Buffer;

  constructor(options: {
    resource: Resource;
    storageVersion: string;
    schemaRevision: number;
    converter: Converter | undefined;
    /** No other version leaves in the store what this one does not have: conversions prune nothing. */
    isAlone: boolean;
  }) {
    this.resource = options.resource;
    const { group, version, kind } = options.resource;
    this.#storageVersion = `${group}/${options.storageVersion}`;
    this.#converter = options.converter;
    this.#isAlone = options.isAlone;
    this.#schemaRevision = options.schemaRevision;
    this.#apiVersion = `${group}/${version}`;
    this.#head = Buffer.from(
      `{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(this.#apiVersion)},`,
    );
  }

  /** @throws OrreryError InternalError when the conversion fails. */
  async read(all: readonly StoredBytes[]): Promise<Uint8Array[]> {
    const result: Uint8Array[] = all.map(({ bytes }) => bytes);
    const foreign: { index: number; object: KubeObject }[] = [];
    for (const [index, { bytes, revision }] of all.entries()) {
      const isOurs = this.#isOurs(bytes);
      if (isOurs && this.#isAlone && revision > this.#schemaRevision) continue;
      const object = JSON.parse(decodeText(bytes)) as KubeObject;
      if (isOurs || this.#converter === undefined) result[index] = this.#normal(object);
      else foreign.push({ index, object });
    }
    if (foreign.length === 0) return result;
    const converted = await this.#converter!.convert(
      foreign.map(({ object }) => object),
      this.#apiVersion,
    );
    for (const [at, { index }] of foreign.entries()) result[index] = this.#normal(converted[at]!);
    return result;
  }

  /** The object as it is to be stored. */
  async write(object: KubeObject): Promise<KubeObject> {
    if (this.#storageVersion === this.#apiVersion) return object;
    if (this.#converter === undefined) return { ...object, apiVersion: this.#storageVersion };
    const { metadata } = object;
    const [converted] = await this.#converter.convert([object], this.#storageVersion);
    return {
      ...converted!,
      metadata: {
        ...converted!.metadata,
        ...(metadata.managedFields && { managedFields: metadata.managedFields }),
      },
    };
  }

  get storesAsIs(): boolean {
    return this.#storageVersion === this.#apiVersion;
  }

  #isOurs(bytes: Uint8Array): boolean {
    return this.#head.equals(bytes.subarray(0, this.#head.length));
  }

  #normal(object: KubeObject): Uint8Array {
    const { object: decoded } = decodeObject(
      this.resource,
      { ...object, apiVersion: this.#apiVersion },
      'Ignore',
    );
    applyDefaults(this.resource, decoded);
    const { apiVersion, kind, metadata, ...rest } = decoded;
    return encodeText(JSON.stringify({ kind, apiVersion, metadata, ...rest }));
  }
}
