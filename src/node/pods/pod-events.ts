import type { EventRecorder } from '../../client/index.ts';
import type { corev1 } from '../../kube/index.ts';

type EventType = 'Normal' | 'Warning';

/** Events about pods and their containers, with the field path that `kubectl describe` shows. */
export class PodEvents {
  readonly #recorder: EventRecorder;

  constructor(recorder: EventRecorder) {
    this.#recorder = recorder;
  }

  pod(pod: corev1.Pod, type: EventType, reason: string, message: string): void {
    this.#recorder.event(withKind(pod), type, reason, message);
  }

  container(
    pod: corev1.Pod,
    container: corev1.Container,
    type: EventType,
    reason: string,
    message: string,
  ): void {
    const list = (pod.spec.initContainers ?? []).some(({ name }) => name === container.name)
      ? 'initContainers'
      : 'containers';
    this.#recorder.event(withKind(pod), type, reason, message, {
      fieldPath: `spec.${list}{${container.name}}`,
    });
  }
}

/** Items of a list carry neither kind nor version; an event's reference needs both. */
function withKind(pod: corev1.Pod): corev1.Pod {
  return { ...pod, kind: 'Pod', apiVersion: 'v1' };
}

/** `name_namespace(uid)`, the kubelet's way to write a pod down. */
export function formatPod({ metadata }: corev1.Pod): string {
  return `${metadata.name}_${metadata.namespace}(${metadata.uid})`;
}
