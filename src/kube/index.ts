/**
 * kube: the Kubernetes object model as pure functions: resources, schemas, defaults, validation,
 * selectors, quantities, patches, tables, OpenAPI.
 *
 * No I/O, no clock of its own. Does not know how objects are stored or who asks for them.
 */

export * from './apply/index.ts';
export * from './cel/index.ts';
export {
  type CertificateRequestContent,
  parseCertificateRequest,
} from './certificates/certificate-request.ts';
export * from './extensions/index.ts';
export { defaultFlowSchemas, defaultPriorityLevels } from './flowcontrol/default-objects.ts';
export * from './kcp/index.ts';
export * from './object.ts';
export * from './openapi/index.ts';
export * from './patch/index.ts';
export * from './pod-security/index.ts';
export * from './quantity/quantity.ts';
export * from './quota/index.ts';
export * from './rbac/index.ts';
export type * from './resource.ts';
export { localAvailability } from './resources/api-registration.ts';
export { builtinResources } from './resources/builtin-resources.ts';
export { toCoreEvent, toEventsEvent } from './resources/event-conversion.ts';
export { syncServiceAccount } from './resources/pod-spec-defaults.ts';
export { celTypeOf } from './schema/cel-types.ts';
export * from './schema/index.ts';
export * from './selectors/field-selector.ts';
export * from './selectors/label-selector.ts';
export * from './storage/local-path-removal.ts';
export * from './storage/volume-matching.ts';
export { ageOf, humanDuration } from './table/human-duration.ts';
export { podSummary } from './table/pod-columns.ts';
export { type TableRequest, tableOf } from './table/table.ts';
export type * from './types/index.generated.ts';
export { semanticallyEqual } from './validation/equality.ts';
export { fieldErrorText, invalid, invalidError } from './validation/field-errors.ts';
export { validateNamespaceFinalize } from './validation/namespaces.ts';
export { validateBinding, validatePodLogOptions } from './validation/pods.ts';
export { type CheckedKind, typeCheckPolicy } from './validation/policy-type-check.ts';
export { validateCreate, validateStatusUpdate, validateUpdate } from './validation/validate.ts';
export * from './workloads/completion-indexes.ts';
export { type CronSchedule, parseCronSchedule } from './workloads/cron-schedule.ts';
export * from './workloads/int-or-percent.ts';
export { matchesNode, matchesTerm, tolerates, untolerated } from './workloads/node-matching.ts';
export * from './workloads/pod-conditions.ts';
export { type PodQosClass, podQosClass } from './workloads/pod-qos.ts';
export * from './workloads/pod-resources.ts';
export * from './workloads/pod-template-hash.ts';
export { applyScale, scaleOf, validateScale } from './workloads/scale.ts';
