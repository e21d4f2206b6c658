import type { FieldError } from '../../base/index.ts';
import { type authenticationv1, type corev1, decodeKind, type KubeObject } from '../../kube/index.ts';
import type { BoundObject, ServiceAccountTokens } from '../authentication/service-account-tokens.ts';
import { readBody } from '../encoding/body.ts';
import { objectConflict, objectInvalid, objectNotFound } from '../errors.ts';
import { readNamed } from './get.ts';
import {
  type Answer,
  admissionRequest,
  keyOf,
  plain,
  type Registry,
  type ResourceRequest,
} from './registry.ts';
import { readWriteOptions } from './write-options.ts';

const TOKEN_REQUEST = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' };
const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;
const DEFAULT_SECONDS = 3600;
/** Tokens asked for with exactly this life are the projected ones: clients are warned after it, and they live longer. */
const PROJECTED_SECONDS = 3607;
const EXTENDED_SECONDS = 365 * 24 * 3600;
/** k8s.io/kubernetes/pkg/registry/core/serviceaccount/storage: kinds a token may be bound to. */
const BINDABLE: Readonly<Record<string, string>> = { Pod: 'pods', Secret: 'secrets', Node: 'nodes' };

/**
 * POST of `serviceaccounts/<name>/token`: a signed token for that account.
 * Source: k8s.io/kubernetes/pkg/registry/core/serviceaccount/storage/token.go.
 */
export async function requestToken(
  registry: Registry,
  request: ResourceRequest,
  tokens: ServiceAccountTokens,
): Promise<Answer> {
  const options = readWriteOptions(request.request, 'CreateOptions');
  const { object: wanted } = decodeKind<authenticationv1.TokenRequest>(
    TOKEN_REQUEST,
    'authentication/v1.TokenRequest',
    await readBody(request.request),
    options.fieldValidation,
  );
  const stored = await readNamed(registry, request);
  const account = registry.storage.shared<corev1.ServiceAccount>(
    request.resource,
    stored.key,
    stored.revision,
    stored.bytes,
  );
  const expirationSeconds = wanted.spec?.expirationSeconds ?? DEFAULT_SECONDS;
  check(request.name!, expirationSeconds);
  const admission = admissionRequest(request, 'CREATE', request.name!, {
    body: wanted,
    dryRun: options.dryRun,
  });
  await registry.admission.validate(admission);
  const bound = await boundObject(registry, request, wanted);
  const audiences = wanted.spec?.audiences?.length ? wanted.spec.audiences : tokens.audiences;
  const extended = expirationSeconds === PROJECTED_SECONDS && bound?.object.kind === 'Pod';
  const { token, expiresAt } = await tokens.issue(
    {
      workspace: request.workspace,
      namespace: account.metadata.namespace!,
      name: account.metadata.name,
      uid: account.metadata.uid,
      ...(bound !== undefined && { bound: bound.object }),
      ...(bound?.node !== undefined && { node: bound.node }),
    },
    {
      audiences,
      expirationSeconds: extended ? EXTENDED_SECONDS : expirationSeconds,
      ...(extended && { warnAfterSeconds: expirationSeconds }),
    },
  );
  const { name, namespace } = account.metadata;
  // The client is told the short life, so that it renews in time, as upstream.
  const told = extended ? registry.clock.now() + expirationSeconds * 1000 : expiresAt.getTime();
  return plain(201, {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name, namespace, creationTimestamp: seconds(registry.clock.now()) },
    spec: { ...wanted.spec, audiences, expirationSeconds, boundObjectRef: wanted.spec?.boundObjectRef },
    status: { token, expirationTimestamp: seconds(told) },
  });
}

function check(name: string, expirationSeconds: number): void {
  const errors: FieldError[] = [];
  const invalid = (why: string): FieldError => ({
    type: 'FieldValueInvalid',
    field: 'spec.expirationSeconds',
    message: `Invalid value: ${expirationSeconds}: ${why}`,
  });
  if (expirationSeconds < MIN_SECONDS)
    errors.push(invalid('may not specify a duration less than 10 minutes'));
  if (expirationSeconds > MAX_SECONDS)
    errors.push(invalid('may not specify a duration larger than 2^32 seconds'));
  if (errors.length > 0) throw objectInvalid(TOKEN_REQUEST, name, errors);
}

async function boundObject(
  registry: Registry,
  request: ResourceRequest,
  wanted: authenticationv1.TokenRequest,
): Promise<{ object: BoundObject; node?: { name: string; uid?: string } } | undefined> {
  const reference = wanted.spec?.boundObjectRef;
  if (reference === undefined) return undefined;
  const kind = reference.kind ?? '';
  const name = reference.name ?? '';
  const resource = registry.catalog.findStored('', BINDABLE[kind] ?? '');
  if (resource === undefined)
    throw objectInvalid(TOKEN_REQUEST, request.name!, [
      {
        type: 'FieldValueInvalid',
        field: 'spec.boundObjectRef',
        message: `Invalid value: ${JSON.stringify(kind)}: cannot bind token for object of type ${kind}`,
      },
    ]);
  const stored = await registry.storage.get(keyOf(registry, { ...request, resource }, name));
  if (stored === undefined) throw objectNotFound(resource, name);
  const object = registry.storage.shared<KubeObject>(resource, stored.key, stored.revision, stored.bytes);
  const { uid } = object.metadata;
  if (reference.uid && reference.uid !== uid)
    throw objectConflict(
      resource,
      name,
      `the UID in the bound object reference (${reference.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  const bound = { object: { kind: kind as BoundObject['kind'], name, uid } };
  if (kind !== 'Pod') return bound;
  const pod = object as Readonly<corev1.Pod>;
  const account = pod.spec?.serviceAccountName ?? '';
  if (account !== request.name)
    throw objectInvalid(TOKEN_REQUEST, request.name!, [
      {
        type: 'FieldValueInvalid',
        field: 'spec.boundObjectRef',
        message: `Invalid value: ${JSON.stringify(name)}: cannot bind token for serviceaccount "${request.name}" to pod running with different serviceaccount name "${account}"`,
      },
    ]);
  return pod.spec?.nodeName ? { ...bound, node: await nodeOf(registry, request, pod.spec.nodeName) } : bound;
}

async function nodeOf(
  registry: Registry,
  request: ResourceRequest,
  name: string,
): Promise<{ name: string; uid?: string }> {
  const resource = registry.catalog.findStored('', 'nodes')!;
  const stored = await registry.storage.get(keyOf(registry, { ...request, resource }, name));
  if (stored === undefined) return { name };
  return { name, uid: registry.storage.decode(resource, stored.bytes).metadata.uid };
}

function seconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
