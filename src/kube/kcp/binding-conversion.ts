import {
  chosenOf,
  claimedOf,
  hasSelector,
  isPlain,
  isPlainScoped,
  KeptAnnotations,
  scopedOf,
  unscopedOf,
} from './claim-conversion.ts';
import { OLD_CLAIMS } from './export-conversion.ts';
import type * as v1alpha1 from './types/apis-v1alpha1.ts';
import type * as v1alpha2 from './types/apis-v1alpha2.ts';

/**
 * APIBindings of v1alpha1 and v1alpha2, of which v1alpha2 is stored. What either has no field for stands in annotations.
 * Source: kcp sdk/apis/apis/v1alpha2/types_apibinding_conversion.go.
 */
const CLAIMS = 'apis.v1alpha2.kcp.io/acceptable-permission-claims';
const EXPORTED = 'apis.v1alpha2.kcp.io/status-export-permission-claims';
const APPLIED = 'apis.v1alpha2.kcp.io/status-applied-permission-claims';
const OLD_EXPORTED = 'apis.v1alpha2.kcp.io/v1alpha1-status-export-permission-claims';
const OLD_APPLIED = 'apis.v1alpha2.kcp.io/v1alpha1-status-applied-permission-claims';
const DELETION_POLICY = 'apis.v1alpha2.kcp.io/deletion-policy';

/** How v1alpha1 shows a stored binding. */
export function toBindingV1alpha1(stored: v1alpha2.APIBinding): v1alpha1.APIBinding {
  const annotations = new KeptAnnotations(stored);
  const { permissionClaims, deletionPolicy, ...sameSpec } = stored.spec;
  const old = annotations.take<v1alpha1.PermissionClaim>(OLD_CLAIMS);
  annotations.put(
    CLAIMS,
    (permissionClaims ?? []).filter((one) => !isPlainScoped(one)),
  );
  if (deletionPolicy !== undefined && deletionPolicy !== 'Delete')
    annotations.put(DELETION_POLICY, deletionPolicy);
  const spec = {
    ...sameSpec,
    ...(permissionClaims !== undefined && {
      permissionClaims: permissionClaims.map((one) => ({ ...narrowed(one, old), state: one.state })),
    }),
  };
  const status = stored.status && statusToV1alpha1(stored.status, annotations);
  return {
    apiVersion: 'apis.kcp.io/v1alpha1',
    kind: 'APIBinding',
    metadata: annotations.metadataOf(stored),
    spec,
    ...(status !== undefined && { status }),
  };
}

function statusToV1alpha1(
  { appliedPermissionClaims, exportPermissionClaims, ...same }: v1alpha2.APIBindingStatus,
  annotations: KeptAnnotations,
): v1alpha1.APIBinding['status'] {
  const oldApplied = annotations.take<v1alpha1.PermissionClaim>(OLD_APPLIED);
  const oldExported = annotations.take<v1alpha1.PermissionClaim>(OLD_EXPORTED);
  annotations.put(
    EXPORTED,
    (exportPermissionClaims ?? []).filter((one) => !isPlain(one)),
  );
  annotations.put(
    APPLIED,
    (appliedPermissionClaims ?? []).filter((one) => !isPlainScoped(one)),
  );
  return {
    ...same,
    ...(appliedPermissionClaims !== undefined && {
      appliedPermissionClaims: appliedPermissionClaims.map((one) => narrowed(one, oldApplied)),
    }),
    ...(exportPermissionClaims !== undefined && {
      exportPermissionClaims: exportPermissionClaims.map((one) => ({
        ...claimedOf(one),
        ...chosenOf(one, oldExported),
      })),
    }),
  };
}

function narrowed(
  claim: v1alpha2.ScopedPermissionClaim,
  old: readonly v1alpha1.PermissionClaim[],
): v1alpha1.PermissionClaim {
  const all = claim.selector.matchAll === true && { all: true };
  return { ...claimedOf(claim), ...(chosenOf(claim, old) ?? all) };
}

export function toBindingV1alpha2(sent: v1alpha1.APIBinding): v1alpha2.APIBinding {
  const annotations = new KeptAnnotations(sent);
  const { permissionClaims, ...sameSpec } = sent.spec;
  const policy = annotations.takeText(DELETION_POLICY);
  const claims = annotations.take<v1alpha2.ScopedPermissionClaim>(CLAIMS);
  annotations.put(OLD_CLAIMS, (permissionClaims ?? []).filter(hasSelector));
  const spec: v1alpha2.APIBindingSpec = {
    ...sameSpec,
    ...(policy !== undefined && { deletionPolicy: policy as 'WaitForSuccessor' }),
    ...(permissionClaims !== undefined && {
      permissionClaims: permissionClaims.map((one) => ({ ...scopedOf(one, claims), state: one.state })),
    }),
  };
  const status = sent.status && statusToV1alpha2(sent.status, annotations);
  return {
    apiVersion: 'apis.kcp.io/v1alpha2',
    kind: 'APIBinding',
    metadata: annotations.metadataOf(sent),
    spec,
    ...(status !== undefined && { status }),
  };
}

function statusToV1alpha2(
  { appliedPermissionClaims, exportPermissionClaims, ...same }: NonNullable<v1alpha1.APIBinding['status']>,
  annotations: KeptAnnotations,
): v1alpha2.APIBindingStatus {
  const exported = annotations.take<v1alpha2.PermissionClaim>(EXPORTED);
  const applied = annotations.take<v1alpha2.ScopedPermissionClaim>(APPLIED);
  annotations.put(OLD_EXPORTED, exportPermissionClaims ?? []);
  annotations.put(OLD_APPLIED, (appliedPermissionClaims ?? []).filter(hasSelector));
  return {
    ...same,
    ...(appliedPermissionClaims !== undefined && {
      appliedPermissionClaims: appliedPermissionClaims.map((one) => scopedOf(one, applied)),
    }),
    ...(exportPermissionClaims !== undefined && {
      exportPermissionClaims: exportPermissionClaims.map((one) => unscopedOf(one, exported)),
    }),
  };
}
