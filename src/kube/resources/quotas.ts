import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { ageColumn, column, createdAtColumn, nameColumn } from '../table/common-columns.ts';
import type { corev1 } from '../types/index.generated.ts';
import { validateLimitRange } from '../validation/limit-ranges.ts';
import {
  validateResourceQuota,
  validateResourceQuotaStatus,
  validateResourceQuotaUpdate,
} from '../validation/resource-quotas.ts';
import { builtin, dropStatus, keepStatus, statusSubresource } from './builtin.ts';
import { canonicalizeAmounts } from './pod-spec-defaults.ts';

/** core/v1 SetDefaults_LimitRangeItem: what a container gets when only the bounds are said. */
function defaultLimitRange(object: KubeObject): void {
  const range = object as Partial<corev1.LimitRange>;
  range.spec ??= { limits: [] };
  for (const item of range.spec.limits ?? []) {
    for (const amounts of [
      item.max,
      item.min,
      item.default,
      item.defaultRequest,
      item.maxLimitRequestRatio,
    ]) {
      canonicalizeAmounts(amounts);
    }
    if (item.type !== 'Container') continue;
    const limits = { ...item.max, ...item.default };
    const requests = { ...item.min, ...limits, ...item.defaultRequest };
    if (Object.keys(limits).length > 0 || item.default !== undefined) item.default = limits;
    if (Object.keys(requests).length > 0 || item.defaultRequest !== undefined) item.defaultRequest = requests;
  }
}

export const limitRangesResource: Resource = {
  ...builtin({
    kind: 'LimitRange',
    name: 'limitranges',
    shortNames: ['limits'],
    schema: { ref: 'core/v1.LimitRange' },
    columns: [nameColumn, createdAtColumn],
  }),
  defaults: defaultLimitRange,
  validateCreate: (object) => validateLimitRange(object as corev1.LimitRange),
  validateUpdate: (object) => validateLimitRange(object as corev1.LimitRange),
};

/** `cpu: 1/2, pods: 3/10`. */
function usage({ status }: corev1.ResourceQuota, ofLimits: boolean): string {
  return Object.keys(status?.hard ?? {})
    .filter((name) => name.includes('limits') === ofLimits)
    .sort()
    .map((name) => `${name}: ${status?.used?.[name] ?? 0}/${status?.hard?.[name]}`)
    .join(', ');
}

function canonicalizeQuota(object: KubeObject): void {
  const quota = object as Partial<corev1.ResourceQuota>;
  quota.spec ??= {};
  for (const amounts of [quota.spec.hard, quota.status?.hard, quota.status?.used]) {
    canonicalizeAmounts(amounts);
  }
}

export const resourceQuotasResource: Resource = {
  ...builtin({
    kind: 'ResourceQuota',
    name: 'resourcequotas',
    shortNames: ['quota'],
    schema: { ref: 'core/v1.ResourceQuota' },
    subresources: [statusSubresource],
    columns: [
      nameColumn,
      column<corev1.ResourceQuota>('Request', 'Used and allowed of what is requested.', (quota) =>
        usage(quota, false),
      ),
      column<corev1.ResourceQuota>('Limit', 'Used and allowed of what is limited.', (quota) =>
        usage(quota, true),
      ),
      ageColumn,
    ],
  }),
  defaults: canonicalizeQuota,
  prepareForCreate: dropStatus(() => ({})),
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validateResourceQuota(object as corev1.ResourceQuota),
  validateUpdate: (object, old) =>
    validateResourceQuotaUpdate(object as corev1.ResourceQuota, old as corev1.ResourceQuota),
  validateStatusUpdate: (object) => validateResourceQuotaStatus(object as corev1.ResourceQuota),
};
