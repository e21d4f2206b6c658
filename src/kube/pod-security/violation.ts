import type { corev1 } from '../types/index.generated.ts';

/** What a pod must not have at a level: `hostPath volumes`, and where: `volume "a"`. */
export interface Violation {
  reason: string;
  detail: string;
}

/** One rule of the Pod Security Standards, as of Kubernetes 1.`minor`; undefined when the pod keeps it. */
export type PodCheck = (spec: corev1.PodSpec, minor: number) => Violation | undefined;

/** `since(22, check, before)`: the rule came with 1.22; until then `before`, or nothing, was asked. */
export function since(minor: number, check: PodCheck, before?: PodCheck): PodCheck {
  return (spec, version) => (version >= minor ? check : before)?.(spec, version);
}

export function containersOf(spec: corev1.PodSpec): corev1.Container[] {
  return [
    ...(spec.initContainers ?? []),
    ...spec.containers,
    ...((spec.ephemeralContainers ?? []) as corev1.Container[]),
  ];
}

/** `container "a"`, `containers "a", "b"`. */
export function named(word: string, names: readonly string[]): string {
  return `${names.length === 1 ? word : `${word}s`} ${quoted(names)}`;
}

export function quoted(texts: readonly string[]): string {
  return texts.map((text) => JSON.stringify(text)).join(', ');
}

/** The containers for which `isBad` holds, as a violation. */
export function containerCheck(
  reason: string,
  isBad: (container: corev1.Container) => boolean,
  rule: string,
): PodCheck {
  return (spec) => {
    const bad = containersOf(spec).filter(isBad);
    if (bad.length === 0) return undefined;
    return {
      reason,
      detail: `${named(
        'container',
        bad.map(({ name }) => name),
      )} ${rule}`,
    };
  };
}
