import type { FieldError } from '../base/index.ts';
import type { Shape } from './apply/shape.ts';
import type { DeclType } from './cel/index.ts';
import type { GroupVersionKind, KubeObject } from './object.ts';
import type { metav1 } from './types/index.generated.ts';

/**
 * One declarative description of an API resource; built-ins and (later) CRDs are the same to the server.
 * Everything here is pure: no I/O, the time is an argument.
 */
export interface Resource {
  /** '' for core. */
  group: string;
  version: string;
  kind: string;
  listKind: string;
  /** Plural, as in the URL: `deployments`. */
  name: string;
  singularName: string;
  shortNames: readonly string[];
  categories: readonly string[];
  namespaced: boolean;
  /** Whose API it is, of one that is bound (the hash of its APIExport): objects of different owners lie apart. */
  identity?: string;
  /** Of one that is bound: the workspace of who exports it, and the name of the definition it is served by. */
  bound?: { provider: string; definition: string };
  verbs: readonly Verb[];
  subresources: readonly Subresource[];
  /** The structural schema: field types, list and map semantics, defaults, patch keys. */
  schema: Schema;
  /** Generation counts changes of spec; false for kinds without that (ConfigMap, Event, Lease, …). */
  hasGeneration: boolean;
  /** Defaults beyond the field table's constants: those that depend on other fields. Changes `object`. */
  defaults?(object: KubeObject): void;
  /** What is wrong with a name, one sentence a rule; without it names are RFC 1123 subdomains. */
  validateName?(name: string): string[];
  /** What a change of raises the generation; default: spec. */
  generationOf?(object: KubeObject): unknown;
  /** Marks what a first deletion marks, once deletionTimestamp is set. Changes `object`. */
  prepareForDelete?(object: KubeObject): void;
  /** Where its Scale stands in an object; default: spec.replicas, status.replicas, spec.selector. */
  scale?: ScaleMapping;
  /** Set when objects of this resource are another resource's objects in another shape (events.k8s.io/v1). */
  storage?: StorageMapping;
  /** Drops or resets what a client may not set on create (status, …). Changes `object`. */
  prepareForCreate?(object: KubeObject): void;
  /** Keeps what a client may not change through the main resource (status, …). Changes `object`. */
  prepareForUpdate?(object: KubeObject, old: KubeObject): void;
  /** The object is already defaulted and its schema and metadata checked. */
  validateCreate?(object: KubeObject): FieldError[];
  validateUpdate?(object: KubeObject, old: KubeObject): FieldError[];
  validateStatusUpdate?(object: KubeObject, old: KubeObject, now: Date): FieldError[];
  /** What is allowed but unwise in a new object, or in what a change adds: sentences for the client. */
  warningsOf?(object: KubeObject, old?: KubeObject): string[];
  /** Fills in what a change through `status` leaves to the server (times of conditions). Changes `object`. */
  prepareForStatusUpdate?(object: KubeObject, old: KubeObject, now: Date): void;
  /** Subresources beside `status` that change a part of the status, by name: `approval`. */
  statusParts?: Readonly<Record<string, StatusPart>>;
  /** Subresources that change a part of the spec, by name: `resize`. */
  specParts?: Readonly<Record<string, SpecPart>>;
  /** Seconds of grace a DELETE without its own gets; undefined: deleted at once. Pods: spec's. */
  deletionGraceSeconds?(object: KubeObject, requested: number | undefined): number | undefined;
  /** Fields that fieldSelector may name beside metadata.name and metadata.namespace. */
  selectableFields?: Readonly<Record<string, (object: KubeObject) => string>>;
  /** Columns of `kubectl get`; without Name and Age columns the server adds those. */
  columns?: readonly TableColumn[];
  /** Conditions of an object's table row (pods that have ended). */
  rowConditions?(object: KubeObject): readonly metav1.TableRowCondition[] | undefined;
}

/** What a subresource that is a part of the status does instead of the status' own two. */
export interface StatusPart {
  /** Keeps what this part may not change. Changes `object`. */
  prepareForUpdate(object: KubeObject, old: KubeObject, now: Date): void;
  validateUpdate(object: KubeObject, old: KubeObject): FieldError[];
}

/** What a subresource that is a part of the spec may change, and its rules in place of the resource's own. */
export interface SpecPart {
  /** The old spec with this part of the new object's. Changes neither. */
  specOf(object: KubeObject, old: KubeObject): object;
  validateUpdate(object: KubeObject, old: KubeObject): FieldError[];
}

/**
 * Objects of one resource kept under the keys, and in the shape, of another: a write is decoded, defaulted
 * and validated in its own shape, then `toStored`; a read or watch passes `fromStored`.
 */
export interface StorageMapping {
  group: string;
  version: string;
  /** Plural name of the stored resource. */
  name: string;
  toStored(object: KubeObject): KubeObject;
  fromStored(object: KubeObject): KubeObject;
}

/** Where a custom resource keeps what its Scale says. */
export interface ScaleMapping {
  /** The fields that lead to the replicas: `['spec', 'replicas']`. */
  replicasPath: readonly string[];
  /** `replicas` is undefined when the object has none. */
  read(object: KubeObject): { replicas: number | undefined; statusReplicas: number; selector?: string };
  /** Changes `object`. */
  write(object: KubeObject, replicas: number): void;
}

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

export interface Subresource {
  /** 'status', 'scale', 'log', 'exec', 'attach', 'portforward', 'binding', 'eviction', 'token', … */
  name: string;
  verbs: readonly string[];
  /** The kind that is sent and answered when it is not the resource's own (Scale, Binding, …). */
  kind?: GroupVersionKind;
}

export interface TableColumn extends Omit<metav1.TableColumnDefinition, 'description' | 'priority'> {
  description: string;
  /** 0 is shown always, above with `-o wide`. */
  priority: number;
  cell(object: KubeObject, now: Date): string | number | boolean | null;
}

/**
 * A structural schema. Built-ins name a type of the field table (`ref: 'core/v1.Pod'`); a CRD's OpenAPI
 * schema is turned into the same shape.
 */
export interface Schema {
  /** Of a custom resource `custom:<definition name>`, which the field table does not know. */
  ref: string;
  /** Set for a custom resource: answers where the field table does for built-ins. */
  custom?: CustomSchema;
}

/** What the rest of the room asks of the schema of a custom resource. */
export interface CustomSchema {
  /** The name of the published definition: `com.example.stable.v1.CronTab`. */
  readonly definition: string;
  readonly shape: Shape;
  /** Removes what the schema does not name, in place; metadata is not its business. */
  prune(object: Record<string, unknown>, unknown: (field: string) => void): void;
  /** The objects within the object, whose metadata is like that of any. */
  eachEmbedded(
    object: Record<string, unknown>,
    visit: (place: (string | number)[], embedded: Record<string, unknown>) => void,
  ): void;
  /** Changes `object`. */
  applyDefaults(object: Record<string, unknown>): void;
  /** The objects as the expressions of policies see them. */
  celType(kind: string): DeclType;
  openApi(version: 2 | 3, refs: { objectMeta: Record<string, unknown> }): Record<string, unknown>;
}
