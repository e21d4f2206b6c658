import type { FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { baselineChecks } from './baseline.ts';
import { restrictedChecks } from './restricted.ts';
import type { PodCheck, Violation } from './violation.ts';

/** The Pod Security Standards as k8s.io/pod-security-admission checks them, in their latest version. */

const LEVELS: Readonly<Record<string, readonly PodCheck[]>> = {
  privileged: [],
  baseline: baselineChecks,
  restricted: restrictedChecks,
};
const PREFIX = 'pod-security.kubernetes.io/';

export type PodSecurityMode = 'enforce' | 'audit' | 'warn';

export interface PodSecurityLevel {
  level: string;
  /** `latest`, `v1.30`: named in messages; what is checked is always the latest. */
  version: string;
}

/** What a namespace's labels ask for; an unknown level is `restricted`: it fails closed. */
export function podSecurityLevel(
  labels: Record<string, string> | undefined,
  mode: PodSecurityMode,
): PodSecurityLevel {
  const level = labels?.[PREFIX + mode] ?? 'privileged';
  return {
    level: Object.hasOwn(LEVELS, level) ? level : 'restricted',
    version: labels?.[`${PREFIX + mode}-version`] ?? 'latest',
  };
}

export function podSecurityViolations({ level }: PodSecurityLevel, spec: corev1.PodSpec): Violation[] {
  return LEVELS[level]!.flatMap((check) => check(spec) ?? []);
}

/** What is wrong with a namespace's labels. */
export function validatePodSecurityLabels(labels: Record<string, string> | undefined): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]): FieldError[] => {
    if (!key.startsWith(PREFIX)) return [];
    const name = key.slice(PREFIX.length);
    const invalid = (why: string): FieldError[] => [
      {
        type: 'FieldValueInvalid',
        field: `metadata.labels[${key}]`,
        message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
      },
    ];
    if (['enforce', 'audit', 'warn'].includes(name) && !Object.hasOwn(LEVELS, value))
      return invalid(`must be one of ${Object.keys(LEVELS).join(', ')}`);
    if (/^(enforce|audit|warn)-version$/.test(name) && !/^(latest|v1\.(0|[1-9]\d*))$/.test(value))
      return invalid('must be "latest" or "v1.x"');
    return [];
  });
}
