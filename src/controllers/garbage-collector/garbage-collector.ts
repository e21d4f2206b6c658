import { Conflict, messageOf, NotFound } from '../../base/index.ts';
import {
  API_SERVICES,
  apiVersionOf,
  Controller,
  CUSTOM_RESOURCE_DEFINITIONS,
  type DiscoveredResource,
  EVENTS,
  type ResourceClient,
  type ResourceRef,
} from '../../client/index.ts';
import { CLUSTER_ANNOTATION, type KubeObject, type metav1 } from '../../kube/index.ts';
import type { ControllerContext, RunnableController } from '../context.ts';
import {
  FOREGROUND,
  type GraphChange,
  type GraphNode,
  type ObjectIdentity,
  ORPHAN,
  OwnerGraph,
  waitsForDependents,
} from './owner-graph.ts';
import { judge, type OwnerState } from './owner-verdict.ts';

/** How often to look whether the server serves new kinds, when nothing says so; as upstream. */
const DISCOVERY_MS = 30_000;
/** Definitions often come several at once, and are served a moment after they are stored. */
const SETTLING_MS = 500;
/** Nobody owns things through these, and they come by the thousand. */
const IGNORED = new Set([`${EVENTS.group}/${EVENTS.resource}`, 'events.k8s.io/events']);
const MAX_ABSENT = 10_000;
const VERBS = ['list', 'watch', 'delete'];

/**
 * Deletes what lost all its owners, and carries out foreground and orphaning deletions, across all resources
 * that the server serves. Its graph is only a hint where to look: before it deletes it reads the object and
 * its owners from the server, by uid.
 */
export class GarbageCollector implements RunnableController {
  readonly name = 'garbage-collector-controller';
  readonly #context: ControllerContext;
  readonly #graph = new OwnerGraph();
  readonly #resources = new Map<string, { resource: DiscoveredResource; unhandle: () => void }>();
  /** Ends the wait for the next discovery. */
  #changed = new AbortController();
  readonly #deletions: Controller;
  readonly #orphans: Controller;
  /** Owners, at the place where dependents say they are, that do not exist; uids are never used twice. */
  readonly #absent = new Set<string>();

  constructor(context: ControllerContext) {
    this.#context = context;
    const { log, clock } = context;
    this.#deletions = new Controller({
      name: `${this.name}/delete`,
      log,
      clock,
      workers: 10,
      reconcile: async (uid) => {
        await this.#attemptToDelete(uid);
        return undefined;
      },
    });
    this.#orphans = new Controller({
      name: `${this.name}/orphan`,
      log,
      clock,
      workers: 4,
      reconcile: async (uid) => {
        await this.#attemptToOrphan(uid);
        return undefined;
      },
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#discover(signal);
    await Promise.all([
      this.#deletions.run(signal),
      this.#orphans.run(signal),
      this.#keepDiscovering(signal),
    ]);
  }

  async #keepDiscovering(signal: AbortSignal): Promise<void> {
    const { clock, informers } = this.#context;
    const change = () => this.#changed.abort();
    for (const ref of [CUSTOM_RESOURCE_DEFINITIONS, API_SERVICES])
      informers
        .informer<KubeObject>(ref, metadataOnly)
        .addHandler({ onAdd: change, onUpdate: change, onDelete: change });
    let tookMs = 0;
    while (!signal.aborted) {
      const ending = AbortSignal.any([signal, this.#changed.signal]);
      // These reject only because of the signals.
      await clock.sleep(DISCOVERY_MS, ending).catch(() => undefined);
      // A fifth of the time at most, however many kinds there are and however often they change.
      if (this.#changed.signal.aborted)
        await clock.sleep(Math.max(SETTLING_MS, 4 * tookMs), signal).catch(() => undefined);
      this.#changed = new AbortController();
      const sinceMs = performance.now();
      if (!signal.aborted) await this.#discover(signal);
      tookMs = performance.now() - sinceMs;
    }
  }

  /** Watches what is served, no more and no less, and waits until what is new is known. */
  async #discover(signal: AbortSignal): Promise<void> {
    try {
      const { resources, failures } = await this.#context.watchClient.discover();
      for (const { groupVersion, error } of failures)
        this.#context.log.warn('cannot discover an API group', { groupVersion, why: messageOf(error) });
      const served = new Map(
        resources
          .filter(({ verbs }) => VERBS.every((verb) => verbs.includes(verb)))
          .map((resource) => [`${resource.group}/${resource.resource}`, resource]),
      );
      this.#forgetUnserved(served, new Set(failures.map(({ groupVersion }) => groupOf(groupVersion))));
      const synced: Promise<void>[] = [];
      for (const [id, resource] of served)
        if (!IGNORED.has(id) && !this.#resources.has(id)) synced.push(this.#watch(id, resource));
      // What goes before it was ever listed is not waited for: the next change ends that.
      const ending = AbortSignal.any([signal, this.#changed.signal]);
      const aborted = new Promise<void>((resolve) => {
        if (ending.aborted) resolve();
        ending.addEventListener('abort', () => resolve(), { once: true });
      });
      await Promise.race([Promise.all(synced), aborted]);
      // Owners of a kind that was not served when they were first named can be asked for now.
      if (synced.length > 0) for (const { uid } of this.#graph.unseen()) this.#deletions.queue.add(uid);
    } catch (error) {
      if (!signal.aborted) this.#context.log.warn('cannot discover resources', { why: messageOf(error) });
    }
  }

  /** What is not served any more, or not in that version, would be listed in vain for ever. */
  #forgetUnserved(served: ReadonlyMap<string, DiscoveredResource>, unknownGroups: ReadonlySet<string>): void {
    for (const [id, { resource, unhandle }] of this.#resources) {
      if (served.get(id)?.version === resource.version || unknownGroups.has(resource.group)) continue;
      unhandle();
      this.#resources.delete(id);
      this.#context.informers.release(resource);
    }
  }

  #watch(id: string, resource: DiscoveredResource): Promise<void> {
    const informer = this.#context.informers.informer<KubeObject>(resource, metadataOnly);
    const unhandle = informer.addHandler({
      onAdd: (object) => this.#enqueue(this.#graph.observe(object, resource)),
      onUpdate: (object) => this.#enqueue(this.#graph.observe(object, resource)),
      onDelete: (object) => {
        const { uid } = object.metadata;
        const known = this.#graph.get(uid);
        if (known !== undefined && !known.virtual) this.#markAbsent(absentKey(uid, known.identity));
        this.#enqueue(this.#graph.remove(uid));
      },
    });
    this.#resources.set(id, { resource, unhandle });
    return informer.synced();
  }

  #enqueue({ toDelete, toOrphan }: GraphChange): void {
    for (const node of toDelete) this.#deletions.queue.add(node.uid);
    for (const node of toOrphan) this.#orphans.queue.add(node.uid);
  }

  async #attemptToDelete(uid: string): Promise<void> {
    const node = this.#graph.get(uid);
    if (node === undefined) return;
    if (node.virtual) return this.#lookForOwner(node);
    if (!waitsForDependents(node) && (node.deleting || this.#isOwned(node))) return;
    const resource = this.#clientOf(node.identity)!;
    const object = await this.#readLive(node);
    if (object === undefined) return this.#enqueue(this.#graph.remove(uid));
    if (isWaiting(object)) return this.#finishForeground(node, object, resource);
    const owners = object.metadata.ownerReferences ?? [];
    if (owners.length === 0) return;
    const states = new Map<string, OwnerState>();
    for (const owner of owners) states.set(owner.uid, await this.#stateOf(node, owner));
    const verdict = judge({
      owners,
      states,
      finalizers: object.metadata.finalizers ?? [],
      hasDependents: node.dependents.size > 0,
      inCircle: [...node.dependents].some(waitsForDependents),
    });
    if (verdict.kind === 'drop-references') await this.#dropReferences(object, resource, verdict.uids);
    if (verdict.kind !== 'delete') return;
    if (verdict.unblockOwners) await this.#unblock(object, resource);
    await this.#delete(object, resource, verdict.propagationPolicy);
  }

  /** All its owners are there, as far as the caches know; when one goes, its removal brings the node back. */
  #isOwned(node: GraphNode): boolean {
    return node.owners.every(({ uid, name, kind }) => {
      const owner = this.#graph.get(uid);
      if (owner === undefined || owner.virtual || waitsForDependents(owner)) return false;
      const { identity } = owner;
      const samePlace = identity.namespace === '' || identity.namespace === node.identity.namespace;
      return identity.name === name && identity.kind === kind && samePlace;
    });
  }

  /** An owner nobody has seen: when the server does not know it either, its dependents are to be looked at. */
  async #lookForOwner(node: GraphNode): Promise<void> {
    if ((await this.#stateAt(node.uid, node.identity)) !== 'absent') return;
    this.#enqueue(this.#graph.remove(node.uid));
  }

  /** Deletes what blocks, or, when nothing does any more, lets the object itself go. */
  async #finishForeground(
    node: GraphNode,
    object: KubeObject,
    resource: ResourceClient<KubeObject>,
  ): Promise<void> {
    const blocking = [...node.dependents].filter((dependent) =>
      dependent.owners.some((owner) => owner.uid === node.uid && owner.blockOwnerDeletion === true),
    );
    if (blocking.length === 0) return this.#removeFinalizer(object, resource, FOREGROUND);
    for (const dependent of blocking)
      if (!waitsForDependents(dependent)) this.#deletions.queue.add(dependent.uid);
  }

  async #attemptToOrphan(uid: string): Promise<void> {
    const node = this.#graph.get(uid);
    if (node === undefined || node.virtual) return;
    const object = await this.#readLive(node);
    if (object?.metadata.deletionTimestamp === undefined) return;
    if (!object.metadata.finalizers?.includes(ORPHAN)) return;
    for (const dependent of node.dependents) {
      const client = this.#clientOf(dependent.identity);
      const live = client && (await this.#readLive(dependent));
      if (live !== undefined) await this.#dropReferences(live, client!, [uid]);
    }
    await this.#removeFinalizer(object, this.#clientOf(node.identity)!, ORPHAN);
  }

  #stateOf(node: GraphNode, owner: metav1.OwnerReference): Promise<OwnerState> {
    const { workspace, namespace } = node.identity;
    const { apiVersion, kind, name, uid } = owner;
    return this.#stateAt(uid, { workspace, namespace, apiVersion, kind, name, resource: undefined });
  }

  async #stateAt(uid: string, identity: ObjectIdentity): Promise<OwnerState> {
    const key = absentKey(uid, identity);
    if (this.#absent.has(key)) return 'absent';
    const ref = this.#resourceOf(identity);
    // A kind that is not served (yet), or a place where it cannot be, says nothing about the owner.
    if (ref === undefined || (ref.namespaced && identity.namespace === '')) return 'exists';
    try {
      const live = await this.#read({ uid, identity });
      if (live !== undefined) return isWaiting(live) ? 'waits-for-dependents' : 'exists';
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
      // Another workspace serves the kind, this one does not: that says nothing either.
      if (error.details.name === undefined) return 'exists';
    }
    this.#markAbsent(key);
    return 'absent';
  }

  /** Only a memory that saves questions: forgetting it all now and then costs nothing but those. */
  #markAbsent(key: string): void {
    if (this.#absent.size >= MAX_ABSENT) this.#absent.clear();
    this.#absent.add(key);
  }

  /** The object as the server has it; undefined when there is none of that uid. */
  async #readLive(node: Pick<GraphNode, 'uid' | 'identity'>): Promise<KubeObject | undefined> {
    try {
      return await this.#read(node);
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }

  /** Undefined when another uid has that name. @throws NotFound */
  async #read({ uid, identity }: Pick<GraphNode, 'uid' | 'identity'>): Promise<KubeObject | undefined> {
    const ref = identity.resource ?? this.#resourceOf(identity);
    const namespace = ref?.namespaced ? identity.namespace : undefined;
    if (ref === undefined || (ref.namespaced && !namespace)) return undefined;
    const object = await this.#clientOf(identity)!.get(identity.name, namespace);
    return object.metadata.uid === uid ? object : undefined;
  }

  #resourceOf({ apiVersion, kind }: ObjectIdentity): ResourceRef | undefined {
    const group = groupOf(apiVersion);
    for (const { resource: one } of this.#resources.values())
      if (one.kind === kind && (apiVersionOf(one) === apiVersion || one.group === group)) return one;
    return undefined;
  }

  #clientOf(identity: ObjectIdentity): ResourceClient<KubeObject> | undefined {
    const ref = identity.resource ?? this.#resourceOf(identity);
    if (ref === undefined) return undefined;
    // Across workspaces an API that is bound is named with its identity; in one there is no other of that name.
    const [resource = ref.resource] = ref.resource.split(':');
    return this.#context.client.in(identity.workspace).resource<KubeObject>({ ...ref, resource });
  }

  async #delete(
    { metadata: { name, namespace, uid } }: KubeObject,
    resource: ResourceClient<KubeObject>,
    propagationPolicy: 'Background' | 'Foreground' | 'Orphan',
  ): Promise<void> {
    await ignoreGone(
      resource.delete(name, {
        ...(namespace !== undefined && { namespace }),
        propagationPolicy,
        preconditions: { uid },
      }),
    );
  }

  async #dropReferences(
    object: KubeObject,
    resource: ResourceClient<KubeObject>,
    uids: readonly string[],
  ): Promise<void> {
    const before = object.metadata.ownerReferences ?? [];
    const ownerReferences = before.filter((owner) => !uids.includes(owner.uid));
    if (ownerReferences.length < before.length) await patchMetadata(object, resource, { ownerReferences });
  }

  async #unblock(object: KubeObject, resource: ResourceClient<KubeObject>): Promise<void> {
    const ownerReferences = (object.metadata.ownerReferences ?? []).map((owner) => ({
      ...owner,
      blockOwnerDeletion: false,
    }));
    await patchMetadata(object, resource, { ownerReferences });
  }

  async #removeFinalizer(
    object: KubeObject,
    resource: ResourceClient<KubeObject>,
    finalizer: string,
  ): Promise<void> {
    const before = object.metadata.finalizers ?? [];
    const finalizers = before.filter((one) => one !== finalizer);
    if (finalizers.length < before.length) await patchMetadata(object, resource, { finalizers });
  }
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion.split('/')[0]! : '';
}

/** The version it was read at must still stand: somebody else's references and finalizers are not lost. */
async function patchMetadata(
  object: KubeObject,
  resource: ResourceClient<KubeObject>,
  change: object,
): Promise<void> {
  const { name, namespace, uid, resourceVersion } = object.metadata;
  const body = { metadata: { uid, resourceVersion, ...change } };
  const options = namespace === undefined ? {} : { namespace };
  await ignoreGone(resource.patch(name, { type: 'merge', body }, options));
}

/** Gone already, or replaced by another of that name: done either way. */
async function ignoreGone(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (error instanceof NotFound) return;
    if (error instanceof Conflict && /uid/i.test(error.message)) return;
    throw error;
  }
}

function absentKey(uid: string, { workspace, namespace, kind, name }: ObjectIdentity): string {
  return [workspace, namespace, kind, name, uid].join('|');
}

function isWaiting(object: KubeObject): boolean {
  return (
    object.metadata.deletionTimestamp !== undefined && (object.metadata.finalizers ?? []).includes(FOREGROUND)
  );
}

/** All that ownership needs of an object of a kind that nobody else watches. */
function metadataOnly(object: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const { ownerReferences, finalizers, deletionTimestamp, annotations } = object.metadata;
  const cluster = annotations?.[CLUSTER_ANNOTATION];
  return {
    ...(object.apiVersion !== undefined && { apiVersion: object.apiVersion }),
    ...(object.kind !== undefined && { kind: object.kind }),
    metadata: {
      name,
      uid,
      resourceVersion,
      creationTimestamp,
      ...(namespace !== undefined && { namespace }),
      ...(ownerReferences && { ownerReferences }),
      ...(finalizers && { finalizers }),
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
      ...(cluster !== undefined && { annotations: { [CLUSTER_ANNOTATION]: cluster } }),
    },
  };
}
