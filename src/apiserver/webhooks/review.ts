import { randomUUID } from 'node:crypto';
import type { admissionv1, Resource } from '../../kube/index.ts';
import type { AdmissionRequest, Operation } from '../admission/admission.ts';
import { type Attributes, kindOf } from './attributes.ts';

const OPTION_KINDS: Readonly<Record<Operation, string | undefined>> = {
  CREATE: 'CreateOptions',
  UPDATE: 'UpdateOptions',
  DELETE: 'DeleteOptions',
  CONNECT: undefined,
};

/** Go's raw extensions are null where there is nothing. */
export type ReviewRequest = Omit<admissionv1.AdmissionRequest, 'object' | 'oldObject' | 'options'> & {
  object: object | null;
  oldObject: object | null;
  options: object | null;
};

/** admission.k8s.io AdmissionRequest, also CEL's `request`. */
export function reviewRequest(
  request: AdmissionRequest,
  attributes: Attributes,
): Omit<ReviewRequest, 'object' | 'oldObject'> {
  const { resource, subresource, user, operation, dryRun } = request;
  const { kind, name, namespace } = attributes;
  const optionKind = OPTION_KINDS[operation];
  return {
    uid: randomUUID(),
    kind,
    resource: attributes.resource,
    ...(subresource !== undefined && { subResource: subresource }),
    requestKind: kindOf(request),
    requestResource: referenceOf(resource),
    ...(subresource !== undefined && { requestSubResource: subresource }),
    ...(name !== '' && { name }),
    ...(namespace !== undefined && { namespace }),
    operation,
    userInfo: {
      username: user.name,
      ...(user.uid !== undefined && { uid: user.uid }),
      groups: [...user.groups],
      ...(user.extra !== undefined && {
        extra: Object.fromEntries(Object.entries(user.extra).map(([key, values]) => [key, [...values]])),
      }),
    },
    dryRun,
    options:
      optionKind === undefined
        ? null
        : {
            kind: optionKind,
            apiVersion: 'meta.k8s.io/v1',
            ...request.options,
            ...(dryRun && { dryRun: ['All'] }),
          },
  };
}

function referenceOf({ group, version, name }: Resource) {
  return { group, version, resource: name };
}

/** What should be a patch is none. */
export class UndecodablePatch extends Error {}

export interface Verdict {
  allowed: boolean;
  status?: admissionv1.AdmissionResponse['status'];
  /** JSON Patch operations. */
  patch?: unknown[];
  warnings: readonly string[];
  /** For the audit log, under names of the webhook's own. */
  annotations: Readonly<Record<string, string>>;
}

/**
 * What a webhook answered. @throws Error with upstream's sentence when it is not a valid review.
 * Source: k8s.io/apiserver/pkg/admission/plugin/webhook/request/admissionreview.go VerifyAdmissionResponse.
 */
export function readVerdict(
  answer: unknown,
  asked: { uid: string; version: string; mutating: boolean },
): Verdict {
  const review = (answer ?? {}) as admissionv1.AdmissionReview;
  const wanted = `admission.k8s.io/${asked.version}`;
  const response = review.response;
  if (typeof response !== 'object' || response === null) throw new Error('webhook response was absent');
  if (asked.version === 'v1') {
    if (response.uid !== asked.uid)
      throw new Error(
        `expected response.uid=${JSON.stringify(asked.uid)}, got ${JSON.stringify(response.uid ?? '')}`,
      );
    if (review.apiVersion !== wanted || review.kind !== 'AdmissionReview')
      throw new Error(
        `expected webhook response of ${wanted}, Kind=AdmissionReview, got ${review.apiVersion ?? '/'}, Kind=${review.kind ?? ''}`,
      );
  }
  const patch = checkedPatch(response, asked);
  return {
    allowed: response.allowed === true,
    ...(response.status && { status: response.status }),
    ...(patch !== undefined && { patch }),
    warnings: response.warnings ?? [],
    annotations: response.auditAnnotations ?? {},
  };
}

function checkedPatch(
  response: admissionv1.AdmissionResponse,
  asked: { version: string; mutating: boolean },
): unknown[] | undefined {
  const { patch, patchType } = response;
  if (asked.version === 'v1') {
    if (!asked.mutating && patch) throw new Error('validating webhook may not return response.patch');
    if (!asked.mutating && patchType) throw new Error('validating webhook may not return response.patchType');
    if (patch && !patchType) throw new Error('webhook returned response.patch but not response.patchType');
    if (!patch && patchType) throw new Error('webhook returned response.patchType but not response.patch');
  }
  if (!patch || !asked.mutating) return undefined;
  if (patchType !== undefined && patchType !== 'JSONPatch')
    throw new Error(`webhook returned invalid response.patchType of ${JSON.stringify(patchType)}`);
  const text = Buffer.from(patch, 'base64').toString();
  let operations: unknown;
  try {
    operations = JSON.parse(text);
  } catch (cause) {
    throw new UndecodablePatch(`invalid character in ${JSON.stringify(text.slice(0, 64))}`, { cause });
  }
  if (!Array.isArray(operations))
    throw new UndecodablePatch('json: cannot unmarshal into Go value of type jsonpatch.Patch');
  return operations;
}
