import type { batchv1, corev1 } from '../../kube/index.ts';

export type FailureVerdict =
  | { action: 'Count' | 'Ignore' | 'FailIndex' }
  | { action: 'FailJob'; message: string };

/**
 * What a pod's failure means to its Job: the first rule that matches, else it counts.
 *
 * @see k8s.io/kubernetes/pkg/controller/job/pod_failure_policy.go
 */
export function failureVerdict(
  policy: batchv1.PodFailurePolicy | undefined,
  pod: corev1.Pod,
): FailureVerdict {
  for (const [index, rule] of (policy?.rules ?? []).entries()) {
    const what = matchedBy(rule, pod);
    if (what === undefined) continue;
    if (rule.action !== 'FailJob') return { action: rule.action as 'Count' };
    return { action: 'FailJob', message: `${what} matching ${rule.action} rule at index ${index}` };
  }
  return { action: 'Count' };
}

function matchedBy(rule: batchv1.PodFailurePolicyRule, pod: corev1.Pod): string | undefined {
  const { name, namespace } = pod.metadata;
  if (rule.onExitCodes !== undefined) {
    const status = failedContainer(rule.onExitCodes, pod);
    if (status === undefined) return undefined;
    const code = status.state!.terminated!.exitCode;
    return `Container ${status.name} for pod ${namespace}/${name} failed with exit code ${code}`;
  }
  const condition = pod.status?.conditions?.find((one) =>
    rule.onPodConditions?.some(({ type, status = 'True' }) => type === one.type && status === one.status),
  );
  return condition && `Pod ${namespace}/${name} has condition ${condition.type}`;
}

function failedContainer(
  { containerName, operator, values }: batchv1.PodFailurePolicyOnExitCodesRequirement,
  { status }: corev1.Pod,
): corev1.ContainerStatus | undefined {
  const all = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  return all.find(({ name, state }) => {
    const code = state?.terminated?.exitCode;
    // A container that ended well fails no pod, whatever the rule lists.
    if (code === undefined || code === 0) return false;
    if (containerName !== undefined && containerName !== name) return false;
    return values.includes(code) === (operator === 'In');
  });
}
