import { randomBytes } from 'node:crypto';
import { AlreadyExists, messageOf, NotFound } from '../../base/index.ts';
import {
  API_EXPORT_ENDPOINT_SLICES,
  API_EXPORTS,
  type Client,
  Controller,
  type Informer,
  keyOf,
  makeKey,
  NAMESPACES,
  SECRETS,
  SHARDS,
  workspaceOf,
} from '../../client/index.ts';
import {
  type apisv1alpha1,
  type apisv1alpha2,
  type ConditionState,
  type corev1,
  type corev1alpha1,
  type Draft,
  equalJson,
  falseCondition,
  IDENTITY_KEY,
  identityHash,
  trueCondition,
  withCondition,
} from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, kubeTime, type RunnableController } from '../context.ts';
import { rootShards } from '../workspace/root-shards.ts';
import { exportUrls } from './export-urls.ts';

type Export = apisv1alpha2.APIExport;
type Status = apisv1alpha2.APIExportStatus;
type Slice = apisv1alpha1.APIExportEndpointSlice;

/** Where secrets of identities lie in the provider's workspace. */
const SECRET_NAMESPACE = 'kcp-system';
const SKIP_SLICE = 'apiexports.apis.kcp.io/skip-endpointslice';
const IDENTITY_VALID = 'IdentityValid';
const URLS_READY = 'VirtualWorkspaceURLsReady';
const KEY_BYTES = 32;
/** Until a secret that was not there, or not right, is looked at again. */
const RECHECK_MS = 2_000;

/**
 * Gives every APIExport an identity of its own, unless it brings one, and says by which hash it is known and where its
 * consumers' objects are seen; makes the endpoint slice of its name. Source: pkg/reconciler/apis/apiexport.
 */
export class ApiExportController implements RunnableController {
  readonly name = 'apiexport-controller';
  readonly #context: ControllerContext;
  readonly #exports: Informer<Export>;
  readonly #slices: Informer<Slice>;
  readonly #shards: Informer<corev1alpha1.Shard>;
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    this.#context = context;
    const { informers, clock, log } = context;
    this.#exports = informers.informer<Export>(API_EXPORTS);
    this.#slices = informers.informer<Slice>(API_EXPORT_ENDPOINT_SLICES);
    this.#shards = informers.informer<corev1alpha1.Shard>(SHARDS);
    this.#controller = new Controller({
      name: this.name,
      log,
      clock,
      reconcile: (key) => this.#reconcile(key),
    });
    const { queue } = this.#controller;
    const add = (one: Export) => queue.add(keyOf(one));
    const addAll = () => {
      for (const one of this.#exports.list()) add(one);
    };
    this.#exports.addHandler({ onAdd: add, onUpdate: add });
    this.#slices.addHandler({ onDelete: (slice) => queue.add(keyOf(slice)) });
    this.#shards.addHandler({ onAdd: addAll, onUpdate: addAll, onDelete: addAll });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#exports, this.#slices, this.#shards))
      await this.#controller.run(signal);
  }

  async #reconcile(key: string): Promise<number | undefined> {
    const exported = this.#exports.get(key);
    if (exported === undefined || exported.metadata.deletionTimestamp !== undefined) return undefined;
    try {
      if (exported.spec?.identity?.secretRef === undefined) await this.#giveIdentity(exported);
      else {
        await this.#ensureSlice(exported);
        return await this.#report(exported);
      }
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
    return undefined;
  }

  /** Its event brings the export back, to be reported on. */
  async #giveIdentity(exported: Export): Promise<void> {
    const client = this.#clientOf(exported);
    const { name } = exported.metadata;
    const namespaces = client.resource<corev1.Namespace>(NAMESPACES);
    const secrets = client.resource<corev1.Secret>(SECRETS);
    try {
      await unlessThere(() =>
        namespaces.create({ metadata: { name: SECRET_NAMESPACE } } as Draft<corev1.Namespace>),
      );
      await unlessThere(() =>
        secrets.create({
          metadata: { name, namespace: SECRET_NAMESPACE },
          stringData: { [IDENTITY_KEY]: randomBytes(KEY_BYTES).toString('base64url') },
        }),
      );
    } catch (error) {
      const why = `Error creating identity secret: ${messageOf(error)}`;
      await this.#store(exported, {
        ...exported.status,
        conditions: this.#with(exported.status, [
          falseCondition(IDENTITY_VALID, 'Error', 'IdentityGenerationFailed', why),
        ]),
      });
      throw error;
    }
    const identity = { secretRef: { namespace: SECRET_NAMESPACE, name } };
    await client.resource<Export>(API_EXPORTS).update({ ...exported, spec: { ...exported.spec, identity } });
  }

  async #report(exported: Export): Promise<number | undefined> {
    const identity = await this.#verify(exported);
    const urls = exportUrls(exported, rootShards(this.#shards));
    const isKnown = 'hash' in identity;
    await this.#store(exported, {
      ...exported.status,
      ...(isKnown && { identityHash: identity.hash }),
      conditions: this.#with(exported.status, [
        isKnown ? trueCondition(IDENTITY_VALID) : identity.condition,
        trueCondition(URLS_READY),
      ]),
      virtualWorkspaces: urls.map((url) => ({ url })),
    });
    return isKnown ? undefined : RECHECK_MS;
  }

  /** The hash of the identity, which never changes once it is told. */
  async #verify(exported: Export): Promise<{ hash: string } | { condition: ConditionState }> {
    const failed = (why: string) => ({
      condition: falseCondition(IDENTITY_VALID, 'Error', 'IdentityVerificationFailed', why),
    });
    const { name = '', namespace } = exported.spec!.identity!.secretRef!;
    let secret: corev1.Secret;
    try {
      secret = await this.#clientOf(exported).resource<corev1.Secret>(SECRETS).get(name, namespace);
    } catch (error) {
      if (error instanceof NotFound) return failed(messageOf(error));
      throw error;
    }
    const key = secret.data?.[IDENTITY_KEY];
    if (!key) return failed(`secret is missing data.${IDENTITY_KEY}`);
    const hash = identityHash(Buffer.from(key, 'base64'));
    const known = exported.status?.identityHash;
    if (!known || known === hash) return { hash };
    return failed(
      `hash mismatch: identity secret hash ${JSON.stringify(hash)} must match status.identityHash ${JSON.stringify(known)}`,
    );
  }

  async #ensureSlice(exported: Export): Promise<void> {
    const { name, uid, annotations } = exported.metadata;
    if (annotations?.[SKIP_SLICE] !== undefined) return;
    if (this.#slices.get(makeKey(workspaceOf(exported), '', name)) !== undefined) return;
    const owner = { apiVersion: 'apis.kcp.io/v1alpha2', kind: 'APIExport', name, uid };
    const slices = this.#clientOf(exported).resource<Slice>(API_EXPORT_ENDPOINT_SLICES);
    await unlessThere(() =>
      slices.create({
        metadata: { name, ownerReferences: [{ ...owner, controller: true, blockOwnerDeletion: true }] },
        spec: { export: { path: workspaceOf(exported), name } },
      }),
    );
  }

  #with(status: Status | undefined, states: readonly ConditionState[]): Status['conditions'] {
    const now = kubeTime(this.#context.clock.now());
    return states.reduce((all, state) => withCondition(all, state, now), status?.conditions ?? []);
  }

  async #store(exported: Export, status: Status): Promise<void> {
    if (equalJson(status, exported.status)) return;
    await this.#clientOf(exported)
      .resource<Export>(API_EXPORTS)
      .updateStatus({ ...exported, status });
  }

  #clientOf(exported: Export): Client {
    return this.#context.client.in(workspaceOf(exported));
  }
}

async function unlessThere(create: () => Promise<unknown>): Promise<void> {
  try {
    await create();
  } catch (error) {
    if (!(error instanceof AlreadyExists)) throw error;
  }
}
