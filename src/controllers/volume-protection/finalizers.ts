import type { KubeObject } from '../../kube/index.ts';

/** The object held by the finalizer; undefined when it is already. */
export function withFinalizer<T extends KubeObject>(object: T, finalizer: string): T | undefined {
  const finalizers = object.metadata.finalizers ?? [];
  if (finalizers.includes(finalizer)) return undefined;
  return { ...object, metadata: { ...object.metadata, finalizers: [...finalizers, finalizer] } };
}

/** The object let go of by the finalizer; undefined when it does not hold it. */
export function withoutFinalizer<T extends KubeObject>(object: T, finalizer: string): T | undefined {
  const finalizers = object.metadata.finalizers ?? [];
  if (!finalizers.includes(finalizer)) return undefined;
  const rest = finalizers.filter((one) => one !== finalizer);
  return { ...object, metadata: { ...object.metadata, finalizers: rest } };
}
