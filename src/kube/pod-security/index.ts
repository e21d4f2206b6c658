import type { FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { baselineChecks } from './baseline.ts';
import { restrictedChecks } from './restricted.ts';
import type { PodCheck, Violation } from './violation.ts';

/** The Pod Security Standards as k8s.io/pod-security-admission checks them, in each of their versions. */

const LEVELS: Readonly<Record<string, readonly PodCheck[]>> = {
  privileged: [],
  baseline: baselineChecks,
  restricted: restrictedChecks,
};
const PREFIX = 'pod-security.kubernetes.io/';
const VERSION = /^(latest|v1\.(0|[1-9]\d*))$/;

export type PodSecurityMode = 'enforce' | 'audit' | 'warn';

export interface PodSecurityLevel {
  level: string;
  /** `latest`, `v1.30`: the rules are those of that version. */
  version: string;
}

const PRIVILEGED: PodSecurityLevel = { level: 'privileged', version: 'latest' };

/** What a namespace's labels ask for; an unknown level is `restricted`: it fails closed. */
export function podSecurityLevel(
  labels: Record<string, string> | undefined,
  mode: PodSecurityMode,
  fallback: PodSecurityLevel = PRIVILEGED,
): PodSecurityLevel {
  const level = labels?.[PREFIX + mode] ?? fallback.level;
  return {
    level: isPodSecurityLevel(level) ? level : 'restricted',
    version: labels?.[`${PREFIX + mode}-version`] ?? fallback.version,
  };
}

export function isPodSecurityLevel(text: string): boolean {
  return Object.hasOwn(LEVELS, text);
}

export function isPodSecurityVersion(text: string): boolean {
  return VERSION.test(text);
}

export function podSecurityViolations(
  { level, version }: PodSecurityLevel,
  spec: corev1.PodSpec,
): Violation[] {
  // What cannot be read as a version is held to the newest rules.
  const minor = Number(/^v1\.(\d+)$/.exec(version)?.[1] ?? Infinity);
  return LEVELS[level]!.flatMap((check) => check(spec, minor) ?? []);
}

/** How strict a level is, compared with another. */
export function comparePodSecurityLevels(a: PodSecurityLevel, b: PodSecurityLevel): number {
  const names = Object.keys(LEVELS);
  return names.indexOf(a.level) - names.indexOf(b.level);
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
    if (['enforce', 'audit', 'warn'].includes(name) && !isPodSecurityLevel(value))
      return invalid(`must be one of ${Object.keys(LEVELS).join(', ')}`);
    if (/^(enforce|audit|warn)-version$/.test(name) && !isPodSecurityVersion(value))
      return invalid('must be "latest" or "v1.x"');
    return [];
  });
}
