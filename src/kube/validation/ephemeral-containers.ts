import { append, type FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { type PodContext, validateContainerCommon } from './containers.ts';
import { differences } from './differences.ts';
import { semanticallyEqual } from './equality.ts';
import { duplicate, forbidden, notFound } from './field-errors.ts';

/** core validateEphemeralContainers and ValidatePodEphemeralContainersUpdate. */

type Ephemeral = corev1.EphemeralContainer;

const NOT_HERE = 'cannot be set for an Ephemeral Container';
/** allowedEphemeralContainerFields, and the target. Everything else is refused by name. */
const ALLOWED: ReadonlySet<string> = new Set([
  'name',
  'image',
  'command',
  'args',
  'workingDir',
  'envFrom',
  'env',
  'volumeMounts',
  'volumeDevices',
  'terminationMessagePath',
  'terminationMessagePolicy',
  'imagePullPolicy',
  'securityContext',
  'stdin',
  'stdinOnce',
  'tty',
  'targetContainerName',
]);

export function validateEphemeralContainers(
  spec: corev1.PodSpec,
  pod: PodContext,
  field: string,
): FieldError[] {
  const others = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ name }) => name);
  const names = new Set(others);
  return (spec.ephemeralContainers ?? []).flatMap((container, index) => {
    const at = `${field}[${index}]`;
    const errors = validateContainerCommon(container as corev1.Container, pod, at);
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    names.add(container.name);
    const target = container.targetContainerName;
    if (target && !others.includes(target)) errors.push(notFound(`${at}.targetContainerName`, target));
    append(errors, validateAllowed(container, at));
    for (const [number, mount] of (container.volumeMounts ?? []).entries()) {
      if (mount.subPath) errors.push(forbidden(`${at}.volumeMounts[${number}].subPath`, NOT_HERE));
      if (mount.subPathExpr) errors.push(forbidden(`${at}.volumeMounts[${number}].subPathExpr`, NOT_HERE));
    }
    return errors;
  });
}

function validateAllowed(container: Ephemeral, field: string): FieldError[] {
  return Object.entries(container)
    .filter(([name, value]) => !ALLOWED.has(name) && !isEmpty(value))
    .map(([name]) =>
      name === 'restartPolicy'
        ? forbidden(`${field}.restartPolicy`, 'may not be set for ephemeral containers')
        : forbidden(`${field}.${name}`, NOT_HERE),
    );
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && Object.keys(value as object).length === 0);
}

/** They are added, and neither changed nor taken away. */
export function validateEphemeralContainersUpdate(pod: corev1.Pod, old: corev1.Pod): FieldError[] {
  const field = 'spec.ephemeralContainers';
  const byName = new Map((pod.spec.ephemeralContainers ?? []).map((one) => [one.name, one]));
  return (old.spec.ephemeralContainers ?? []).flatMap((before) => {
    const now = byName.get(before.name);
    const subject = `existing ephemeral containers ${JSON.stringify(before.name)}`;
    if (now === undefined) return [forbidden(field, `${subject} may not be removed\n`)];
    if (semanticallyEqual(now, before)) return [];
    const changes = differences(before, now, field).join('\n');
    return [forbidden(field, `${subject} may not be changed\n${changes}\n`)];
  });
}
