import { createHash } from 'node:crypto';

/** The phase an object of the tenancy is in, as a label, so that lists and watches can ask for it. */
export const PHASE_LABEL = 'tenancy.kcp.io/phase';
export const INITIALIZER_LABEL_PREFIX = 'initializer.internal.kcp.io/';
export const TERMINATOR_LABEL_PREFIX = 'terminator.internal.kcp.io/';

const LABEL_VALUE_LENGTH = 63;

/**
 * The label an initializer or a terminator is found by: its hash, so that it fits and is hard to forge.
 * Source: github.com/kcp-dev/kcp sdk/apis/tenancy/initialization InitializerToLabel, termination TerminatorToLabel.
 */
export function lifecycleLabel(prefix: string, name: string): [key: string, value: string] {
  const hash = createHash('sha224').update(name).digest('hex');
  return [prefix + hash.slice(0, LABEL_VALUE_LENGTH - prefix.length), hash];
}

/** The labels of a LogicalCluster that waits, in a phase, for somebody. */
export function lifecycleLabels(
  phase: string,
  field: 'initializers' | 'terminators',
  name: string,
): Record<string, string> {
  const prefix = field === 'initializers' ? INITIALIZER_LABEL_PREFIX : TERMINATOR_LABEL_PREFIX;
  return Object.fromEntries([[PHASE_LABEL, phase], lifecycleLabel(prefix, name)]);
}

/** `labels` with those that mirror the status as the status is now; the same object when they do already. */
export function mirroredLabels(
  labels: Readonly<Record<string, string>> | undefined,
  status: { phase?: string; initializers?: readonly string[]; terminators?: readonly string[] },
): Record<string, string> {
  const mirrored = new Map<string, string>();
  if (status.phase) mirrored.set(PHASE_LABEL, status.phase);
  for (const name of status.initializers ?? [])
    mirrored.set(...lifecycleLabel(INITIALIZER_LABEL_PREFIX, name));
  for (const name of status.terminators ?? []) mirrored.set(...lifecycleLabel(TERMINATOR_LABEL_PREFIX, name));
  const others = Object.entries(labels ?? {}).filter(([key]) => !isMirrored(key));
  return Object.fromEntries([...others, ...mirrored]);
}

function isMirrored(key: string): boolean {
  return (
    key === PHASE_LABEL || key.startsWith(INITIALIZER_LABEL_PREFIX) || key.startsWith(TERMINATOR_LABEL_PREFIX)
  );
}
