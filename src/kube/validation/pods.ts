import { append, type FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { podQosClass } from '../workloads/pod-qos.ts';
import { differences } from './differences.ts';
import { semanticallyEqual } from './equality.ts';
import { duplicate, forbidden, invalid, invalidEach, notSupported, required } from './field-errors.ts';
import { dns1123Subdomain, inRange, ipAddress, qualifiedName } from './formats.ts';
import { validatePodSpec } from './pod-spec.ts';
import { validateTolerations } from './scheduling.ts';

type Pod = corev1.Pod;

export function validatePodCreate(pod: Pod): FieldError[] {
  const errors = validatePod(pod);
  if ((pod.spec.ephemeralContainers ?? []).length > 0) {
    errors.push(forbidden('spec.ephemeralContainers', 'cannot be set on create'));
  }
  if (pod.spec.nodeName && (pod.spec.schedulingGates ?? []).length > 0) {
    errors.push(forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'));
  }
  return errors;
}

/** What holds of a pod whatever changes of it. */
export function validatePod(pod: Pod): FieldError[] {
  return [
    ...validatePodSpec(pod.spec, 'spec', true),
    ...validateTokensNeedAccount(pod.spec),
    ...validateImageSpaces(pod.spec.containers, 'spec.containers'),
    ...validateImageSpaces(pod.spec.initContainers, 'spec.initContainers'),
    ...validateDeletionCost(pod),
  ];
}

function validateTokensNeedAccount(spec: corev1.PodSpec): FieldError[] {
  if (spec.serviceAccountName) return [];
  return (spec.volumes ?? []).flatMap((volume, index) =>
    (volume.projected?.sources ?? []).flatMap((source, number) =>
      source.serviceAccountToken === undefined
        ? []
        : [
            forbidden(
              `spec.volumes[${index}].projected.sources[${number}].serviceAccountToken`,
              'must not be specified when serviceAccountName is not set',
            ),
          ],
    ),
  );
}

function validateImageSpaces(
  containers: readonly corev1.Container[] | undefined,
  field: string,
): FieldError[] {
  return (containers ?? []).flatMap(({ image = '' }, index) =>
    image.trim() === image
      ? []
      : [invalid(`${field}[${index}].image`, image, 'must not have leading or trailing whitespace')],
  );
}

const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

function validateDeletionCost(pod: Pod): FieldError[] {
  const cost = pod.metadata.annotations?.[DELETION_COST];
  if (cost === undefined || /^(0|-?[1-9][0-9]{0,9})$/.test(cost)) return [];
  return [invalid(`metadata.annotations[${DELETION_COST}]`, cost, 'must be a 32bit integer')];
}

const CHANGEABLE = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

/** What a client may change of a pod (core ValidatePodUpdate). */
export function validatePodUpdate(pod: Pod, old: Pod): FieldError[] {
  const errors = [...validatePod(pod), ...validateMirrorUpdate(pod, old)];
  for (const list of ['containers', 'initContainers'] as const) {
    if ((pod.spec[list] ?? []).length !== (old.spec[list] ?? []).length) {
      return [...errors, forbidden(`spec.${list}`, 'pod updates may not add or remove containers')];
    }
  }
  const deadline = validateDeadlineUpdate(pod.spec.activeDeadlineSeconds, old.spec.activeDeadlineSeconds);
  if (deadline.length > 0) return [...errors, ...deadline];
  append(errors, validateTolerationsUpdate(pod.spec.tolerations, old.spec.tolerations));
  append(errors, validateGatesUpdate(pod.spec.schedulingGates, old.spec.schedulingGates));
  if (semanticallyEqual(pod.spec, old.spec)) return errors;
  if (podQosClass(old) !== podQosClass(pod)) {
    errors.push(invalid('metadata', pod.status?.qosClass ?? '', 'Pod QoS is immutable'));
  }
  const gated = (old.spec.schedulingGates ?? []).length > 0;
  if (gated) {
    append(errors, validateNodeSelectorUpdate(pod.spec.nodeSelector, old.spec.nodeSelector));
    append(errors, validateNodeAffinityUpdate(pod.spec.affinity, old.spec.affinity));
  }
  const comparable = withChangeableFieldsOf(pod.spec, old.spec, gated);
  if (!semanticallyEqual(comparable, old.spec)) {
    const changes = differences(old.spec, comparable, 'spec').join('\n');
    errors.push(
      forbidden('spec', `pod updates may not change fields other than ${CHANGEABLE}\n${changes}\n`),
    );
  }
  return errors;
}

/** The new spec with the fields that may change put back to what they were. */
function withChangeableFieldsOf(spec: corev1.PodSpec, old: corev1.PodSpec, gated: boolean): corev1.PodSpec {
  const withOldImages = (list: 'containers' | 'initContainers') =>
    (spec[list] ?? []).map((container, index) => ({ ...container, image: old[list]?.[index]?.image }));
  const graceFixed = (old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1;
  const comparable = {
    ...spec,
    containers: withOldImages('containers'),
    initContainers: withOldImages('initContainers'),
    activeDeadlineSeconds: old.activeDeadlineSeconds,
    schedulingGates: old.schedulingGates,
    tolerations: old.tolerations,
    ...(graceFixed && { terminationGracePeriodSeconds: old.terminationGracePeriodSeconds }),
    ...(gated && {
      nodeSelector: old.nodeSelector,
      affinity: withNodeAffinityOf(spec.affinity, old.affinity),
    }),
  } as corev1.PodSpec;
  return comparable;
}

/** The new affinity with the old rules about nodes; nothing when only those were there. */
function withNodeAffinityOf(
  affinity: corev1.Affinity | undefined,
  old: corev1.Affinity | undefined,
): corev1.Affinity | undefined {
  const { nodeAffinity: _, ...others } = affinity ?? {};
  const before = old?.nodeAffinity;
  if (before === undefined && old === undefined && Object.keys(others).length === 0) return undefined;
  return { ...others, ...(before !== undefined && { nodeAffinity: before }) };
}

/** Rules about nodes may be narrowed while a pod waits at a gate; preferences are free (validateNodeAffinityMutation). */
function validateNodeAffinityUpdate(
  affinity: corev1.Affinity | undefined,
  old: corev1.Affinity | undefined,
): FieldError[] {
  const termsOf = (of: corev1.Affinity | undefined) =>
    of?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const [terms, before] = [termsOf(affinity), termsOf(old)];
  const field = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';
  if (before.length === 0) return [];
  if (before.length !== terms.length) {
    return [invalid(field, terms, 'no additions/deletions to non-empty NodeSelectorTerms list are allowed')];
  }
  return before.flatMap((term, index) =>
    onlyAdds(terms[index]!, term)
      ? []
      : [
          invalid(
            `${field}[${index}]`,
            terms[index],
            'only additions are allowed (no mutations or deletions)',
          ),
        ],
  );
}

/** An empty term matches nothing: to fill it would widen. */
function onlyAdds(term: corev1.NodeSelectorTerm, old: corev1.NodeSelectorTerm): boolean {
  const lists = ['matchExpressions', 'matchFields'] as const;
  const count = (of: corev1.NodeSelectorTerm) =>
    lists.reduce((sum, list) => sum + (of[list] ?? []).length, 0);
  if (count(old) === 0) return count(term) === 0;
  return lists.every((list) =>
    (old[list] ?? []).every((one, index) => semanticallyEqual(one, term[list]?.[index])),
  );
}

function validateDeadlineUpdate(seconds: number | undefined, old: number | undefined): FieldError[] {
  const field = 'spec.activeDeadlineSeconds';
  if (seconds === undefined) {
    return old === undefined
      ? []
      : [invalid(field, undefined, 'must not update from a positive integer to nil value')];
  }
  const range = inRange(seconds, 0, 2147483647);
  if (range.length > 0) return invalidEach(field, seconds, range);
  return old !== undefined && old < seconds
    ? [invalid(field, seconds, 'must be less than or equal to previous value')]
    : [];
}

function validateTolerationsUpdate(
  tolerations: readonly corev1.Toleration[] | undefined,
  old: readonly corev1.Toleration[] | undefined,
): FieldError[] {
  const field = 'spec.tolerations';
  const kept = (old ?? []).every((one) =>
    (tolerations ?? []).some((other) =>
      semanticallyEqual({ ...one, tolerationSeconds: other.tolerationSeconds }, other),
    ),
  );
  if (!kept) {
    return [forbidden(field, 'existing toleration can not be modified except its tolerationSeconds')];
  }
  return validateTolerations(tolerations, field);
}

function validateGatesUpdate(
  gates: readonly corev1.PodSchedulingGate[] | undefined,
  old: readonly corev1.PodSchedulingGate[] | undefined,
): FieldError[] {
  const before = new Set((old ?? []).map((gate) => gate.name));
  return (gates ?? []).flatMap(({ name }, index) =>
    before.has(name)
      ? []
      : [
          forbidden(
            `spec.schedulingGates[${index}].name`,
            `only deletion is allowed, but found new scheduling gate '${name}'`,
          ),
        ],
  );
}

function validateNodeSelectorUpdate(
  selector: Record<string, string> | undefined,
  old: Record<string, string> | undefined,
): FieldError[] {
  const kept = Object.entries(old ?? {}).every(([key, value]) => selector?.[key] === value);
  return kept
    ? []
    : [invalid('spec.nodeSelector', selector, 'only additions are allowed (no mutations or deletions)')];
}

const MIRROR = 'kubernetes.io/config.mirror';

/** A pod is a node's own from its beginning, or never (core ValidatePodSpecificAnnotationUpdates). */
function validateMirrorUpdate(pod: Pod, old: Pod): FieldError[] {
  const [now, before] = [pod.metadata.annotations?.[MIRROR], old.metadata.annotations?.[MIRROR]];
  if (now === before) return [];
  const why =
    before === undefined
      ? 'may not add mirror pod annotation'
      : 'may not remove or update mirror pod annotation';
  return [forbidden(`metadata.annotations[${MIRROR}]`, why)];
}

/** What may not happen to a pod's status (core ValidatePodStatusUpdate). */
export function validatePodStatusUpdate(pod: Pod, old: Pod): FieldError[] {
  const errors = validateMirrorUpdate(pod, old);
  for (const [index, { type }] of (pod.status?.conditions ?? []).entries()) {
    if (['PodScheduled', 'Ready', 'Initialized'].includes(type)) continue;
    append(errors, invalidEach(`metadata.conditions[${index}].Type`, type, qualifiedName(type)));
  }
  if (pod.spec.nodeName !== old.spec.nodeName) {
    errors.push(forbidden('status.nodeName', 'may not be changed directly'));
  }
  const nominated = pod.status?.nominatedNodeName;
  if (nominated) {
    append(errors, invalidEach('status.nominatedNodeName', nominated, dns1123Subdomain(nominated)));
  }
  append(errors, validateStateTransitions(pod, old, 'containerStatuses'));
  append(errors, validateStateTransitions(pod, old, 'initContainerStatuses'));
  append(errors, validateAddresses(pod.status?.podIPs, 'status.podIPs'));
  const hostIPs = pod.status?.hostIPs;
  if (hostIPs?.[0] !== undefined && pod.status?.hostIP !== hostIPs[0].ip) {
    errors.push(invalid('status.hostIPs[0].ip', hostIPs[0].ip, 'must be equal to `hostIP`'));
  }
  return [...errors, ...validateAddresses(hostIPs, 'status.hostIPs')];
}

/** A container that has ended for good stays ended. */
function validateStateTransitions(
  pod: Pod,
  old: Pod,
  list: 'containerStatuses' | 'initContainerStatuses',
): FieldError[] {
  const policy = old.spec.restartPolicy;
  if (policy === 'Always') return [];
  const sidecars = new Set(
    (old.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').map((c) => c.name),
  );
  return (old.status?.[list] ?? []).flatMap((before, index) => {
    const ended = before.state?.terminated;
    if (ended === undefined || (ended.exitCode !== 0 && policy === 'OnFailure')) return [];
    if (list === 'initContainerStatuses' && sidecars.has(before.name)) return [];
    const after = pod.status?.[list]?.find((status) => status.name === before.name);
    if (after === undefined || after.state?.terminated !== undefined) return [];
    const why = 'may not be transitioned to non-terminated state';
    return [forbidden(`status.${list}[${index}].state`, why)];
  });
}

function validateAddresses(addresses: readonly { ip: string }[] | undefined, field: string): FieldError[] {
  const seen = new Set<string>();
  const errors: FieldError[] = [];
  for (const [index, address] of (addresses ?? []).entries()) {
    append(errors, invalidEach(`${field}[${index}]`, address.ip, ipAddress(address.ip)));
    if (seen.has(address.ip)) errors.push(duplicate(`${field}[${index}]`, address));
    seen.add(address.ip);
  }
  const families = (addresses ?? []).map(({ ip }) => (ip.includes(':') ? 6 : 4));
  if (families.length !== new Set(families).size) {
    errors.push(invalid(field, addresses, 'may specify no more than one IP for each IP family'));
  }
  return errors;
}

/** The body of a POST to `…/binding` (core ValidatePodBinding). */
export function validateBinding(binding: corev1.Binding): FieldError[] {
  const errors: FieldError[] = [];
  const kind = binding.target?.kind;
  if (kind && kind !== 'Node') errors.push(notSupported('target.kind', kind, ['Node', '<empty>']));
  if (!binding.target?.name) errors.push(required('target.name'));
  return errors;
}

/** The query of a GET of `…/log` (core ValidatePodLogOptions). */
export function validatePodLogOptions(options: corev1.PodLogOptions): FieldError[] {
  const errors: FieldError[] = [];
  const { tailLines, limitBytes, sinceSeconds, sinceTime } = options;
  if (tailLines !== undefined && tailLines < 0) {
    errors.push(invalid('tailLines', tailLines, 'must be greater than or equal to 0'));
  }
  if (limitBytes !== undefined && limitBytes < 1) {
    errors.push(invalid('limitBytes', limitBytes, 'must be greater than 0'));
  }
  if (sinceSeconds !== undefined && sinceTime !== undefined) {
    errors.push(forbidden('', 'at most one of `sinceTime` or `sinceSeconds` may be specified'));
  } else if (sinceSeconds !== undefined && sinceSeconds < 1) {
    errors.push(invalid('sinceSeconds', sinceSeconds, 'must be greater than 0'));
  }
  return errors;
}
