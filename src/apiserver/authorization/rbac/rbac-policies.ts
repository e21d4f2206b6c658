import { append, type Clock, type Log, messageOf } from '../../../base/index.ts';
import {
  type KubeObject,
  RBAC_GROUP,
  type Resource,
  ROOT_WORKSPACE,
  type rbacv1,
  subjectKey,
} from '../../../kube/index.ts';
import type { ResourceCatalog } from '../../registry/catalog.ts';
import { resourcePrefix } from '../../storage/keys.ts';
import type { ObjectStorage } from '../../storage/object-storage.ts';
import { SYSTEM_ADMIN } from '../../workspaces/system-admin.ts';

/** One subject of one binding: who gets which role. */
export interface Grant {
  binding: { name: string; namespace: string | undefined };
  subject: Readonly<rbacv1.Subject>;
  roleRef: Readonly<rbacv1.RoleRef>;
  /** Where that role lies in the store; undefined for one that can be nowhere. */
  roleKey: string | undefined;
}

/** Roles and bindings that count in every workspace beside its own; in the first one they are stored objects. */
export interface DefaultPolicy {
  roles: readonly rbacv1.ClusterRole[];
  bindings: readonly rbacv1.ClusterRoleBinding[];
}

/** The bindings of one namespace, or of the cluster, by the key of their subject. */
export type Grants = ReadonlyMap<string, readonly Grant[]>;
export type Rules = readonly Readonly<rbacv1.PolicyRule>[];

interface Entry {
  value: unknown;
  /** How many bindings or rules it holds, and one for itself. */
  size: number;
}

const DEFAULT_LIMIT = 50_000;
const RETRY_MS = 1_000;

/**
 * Roles and bindings as the authorizer needs them: read from the store when a workspace is first asked about,
 * indexed by subject, kept until they change or until others need the room. Nothing lives for an idle workspace.
 *
 * Guarantees: a change made through this server counts from its acknowledgement on (`forget` is called before it
 * is sent); one made by another server on the same store counts as soon as the watch of `run` has seen it.
 */
export class RbacPolicies {
  readonly #storage: ObjectStorage;
  readonly #resources: Record<'roles' | 'clusterroles' | 'rolebindings' | 'clusterrolebindings', Resource>;
  readonly #limit: number;
  readonly #defaultRules: ReadonlyMap<string, Rules>;
  readonly #defaultGrants: Grants;
  /** By the object's key for roles, by the prefix of their keys for bindings; least recently used first. */
  readonly #entries = new Map<string, Entry>();
  #size = 0;

  constructor(
    storage: ObjectStorage,
    catalog: ResourceCatalog,
    { limit = DEFAULT_LIMIT, defaults }: { limit?: number; defaults?: DefaultPolicy } = {},
  ) {
    this.#storage = storage;
    const find = (name: string) => catalog.findStored(RBAC_GROUP, name)!;
    this.#resources = {
      roles: find('roles'),
      clusterroles: find('clusterroles'),
      rolebindings: find('rolebindings'),
      clusterrolebindings: find('clusterrolebindings'),
    };
    this.#limit = limit;
    this.#defaultRules = new Map(
      (defaults?.roles ?? []).map(({ metadata, rules }) => [metadata.name, rules ?? []]),
    );
    this.#defaultGrants = indexed(
      (defaults?.bindings ?? []).flatMap((binding) => grantsOf(binding, undefined, undefined)),
    );
  }

  /** How many bindings and rules are held. */
  get size(): number {
    return this.#size;
  }

  /** Of a namespace; without one, of the cluster. A promise only when the store has to be read. */
  grants(workspace: string, namespace: string | undefined): Grants | Promise<Grants> {
    const resource =
      namespace === undefined ? this.#resources.clusterrolebindings : this.#resources.rolebindings;
    const prefix = this.#storage.prefixOf(resource, workspace, namespace);
    return this.#cached(prefix, async () => {
      const { items } = await this.#storage.list({ prefix });
      const all: KeyedGrant[] = [];
      for (const { key, modRevision, value } of items) {
        const binding = this.#storage.shared<rbacv1.RoleBinding>(resource, key, modRevision, value);
        const roleKey = this.roleKey(workspace, namespace, binding.roleRef);
        append(all, grantsOf(binding, namespace, roleKey));
      }
      return { value: indexed(all), size: all.length };
    });
  }

  /** What counts in every workspace but the first, where it is stored and may be changed. */
  defaultGrants(workspace: string): Grants | undefined {
    return workspace === ROOT_WORKSPACE ? undefined : this.#defaultGrants;
  }

  /** Of the role of a binding in a workspace: its own, else the default one of that name, else system:admin's. */
  rulesOf(
    workspace: string,
    { roleKey, roleRef }: Pick<Grant, 'roleKey' | 'roleRef'>,
  ): Rules | undefined | Promise<Rules | undefined> {
    const own = this.rules(roleKey);
    if (workspace === ROOT_WORKSPACE || roleRef.kind !== 'ClusterRole') return own;
    const elsewhere = () =>
      this.#defaultRules.get(roleRef.name) ?? this.rules(this.roleKey(SYSTEM_ADMIN, undefined, roleRef));
    return own instanceof Promise ? own.then((rules) => rules ?? elsewhere()) : (own ?? elsewhere());
  }

  /** Where the role of a binding lies; `namespace` is the binding's. */
  roleKey(
    workspace: string,
    namespace: string | undefined,
    { kind, name }: Readonly<rbacv1.RoleRef>,
  ): string | undefined {
    if (kind !== 'Role') return this.#storage.keyOf(this.#resources.clusterroles, { workspace, name });
    if (namespace === undefined) return undefined;
    return this.#storage.keyOf(this.#resources.roles, { workspace, namespace, name });
  }

  /** Of the role at a key; undefined when there is none. */
  rules(key: string | undefined): Rules | undefined | Promise<Rules | undefined> {
    if (key === undefined) return undefined;
    return this.#cached(key, async () => {
      const stored = await this.#storage.get(key);
      if (stored === undefined) return { value: undefined, size: 0 };
      const role = this.#storage.shared<rbacv1.Role>(
        this.#resources.roles,
        key,
        stored.revision,
        stored.bytes,
      );
      const rules: Rules = role.rules ?? [];
      return { value: rules, size: rules.length };
    });
  }

  /** Something has been written at `key`: what is known of it is old. */
  forget(key: string): void {
    this.#drop(isBinding(key) ? key.slice(0, key.lastIndexOf('/') + 1) : key);
  }

  /** The same for an object of this group. */
  forgetObject(resource: Resource, workspace: string, object: Readonly<KubeObject>): void {
    const { namespace, name } = object.metadata;
    this.forget(
      this.#storage.keyOf(resource, {
        workspace,
        ...(resource.namespaced && { namespace: namespace! }),
        name,
      }),
    );
  }

  /** Follows what other servers write to the store, until `signal` aborts. */
  async run({ signal, clock, log }: { signal: AbortSignal; clock: Clock; log: Log }): Promise<void> {
    const { store } = this.#storage;
    while (!signal.aborted) {
      const after = store.revision();
      this.#entries.clear();
      this.#size = 0;
      try {
        for await (const { events } of store.watch({ prefix: `/${RBAC_GROUP}/`, after, signal }))
          for (const { key } of events) this.forget(key);
      } catch (error) {
        if (signal.aborted) return;
        log.warn('the watch of roles and bindings broke; it begins anew', { why: messageOf(error) });
      }
      // Rejects only because of the signal, which ends the loop.
      if (!signal.aborted) await clock.sleep(RETRY_MS, signal).catch(() => undefined);
    }
  }

  #cached<T>(key: string, load: () => Promise<{ value: T; size: number }>): T | Promise<T> {
    const entry = this.#entries.get(key);
    if (entry !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, entry);
      return entry.value as T | Promise<T>;
    }
    const loading = load().then(
      ({ value, size }) => {
        // Whatever was written meanwhile has dropped the entry: then this answer is for those who waited only.
        if (this.#entries.get(key) === pending) this.#keep(key, { value, size: size + 1 });
        return value;
      },
      (error: unknown) => {
        if (this.#entries.get(key) === pending) this.#drop(key);
        throw error;
      },
    );
    const pending: Entry = { value: loading, size: 1 };
    this.#keep(key, pending);
    return loading;
  }

  #keep(key: string, entry: Entry): void {
    this.#drop(key);
    this.#entries.set(key, entry);
    this.#size += entry.size;
    for (const oldest of this.#entries.keys()) {
      if (this.#size <= this.#limit || oldest === key) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#size -= entry.size;
  }
}

function isBinding(key: string): boolean {
  return ['rolebindings', 'clusterrolebindings'].some((name) =>
    key.startsWith(resourcePrefix({ group: RBAC_GROUP, name })),
  );
}

interface KeyedGrant {
  key: string;
  grant: Grant;
}

function indexed(all: readonly KeyedGrant[]): Grants {
  const grants = new Map<string, Grant[]>();
  for (const { key, grant } of all) {
    const list = grants.get(key);
    if (list === undefined) grants.set(key, [grant]);
    else list.push(grant);
  }
  return grants;
}

/** Only what is needed: the whole binding may be large, and is not held. */
function grantsOf(
  { metadata, roleRef, subjects }: Readonly<rbacv1.RoleBinding>,
  namespace: string | undefined,
  roleKey: string | undefined,
): KeyedGrant[] {
  const binding = { name: metadata.name, namespace };
  return (subjects ?? []).flatMap((subject) => {
    const key = subjectKey(subject, namespace);
    return key === undefined ? [] : [{ key, grant: { binding, subject, roleRef, roleKey } }];
  });
}
