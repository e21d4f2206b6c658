import { resolve } from 'node:path';
import type { ApiServerOptions } from '../apiserver/index.ts';
import { BadRequest } from '../base/index.ts';
import { parseDurationMs } from './duration.ts';

type Limits = NonNullable<ApiServerOptions['limits']>;
type Audit = NonNullable<ApiServerOptions['audit']>;
type Environment = Readonly<Record<string, string | undefined>>;

/** kube-apiserver's flags for what bounds requests and for the audit log, as they were given. */
export interface RequestLimitFlags {
  maxRequestsInflight?: string;
  maxMutatingRequestsInflight?: string;
  enablePriorityAndFairness?: string;
  requestTimeout?: string;
  minRequestTimeout?: string;
  goawayChance?: string;
  shutdownDelayDuration?: string;
  logicalClusterTotalObjectLimit?: string;
  auditPolicyFile?: string;
  auditLogPath?: string;
  auditLogMaxage?: string;
  auditLogMaxbackup?: string;
  auditLogMaxsize?: string;
  auditLogMode?: string;
  auditLogFormat?: string;
}

/** @throws BadRequest naming the flag and the value. */
export function resolveRequestLimits(flags: RequestLimitFlags): { limits: Limits } {
  const limits: Limits = {};
  const { enablePriorityAndFairness: fairness, goawayChance } = flags;
  if (flags.maxRequestsInflight !== undefined)
    limits.maxRequestsInflight = count('--max-requests-inflight', flags.maxRequestsInflight);
  if (flags.maxMutatingRequestsInflight !== undefined)
    limits.maxMutatingRequestsInflight = count(
      '--max-mutating-requests-inflight',
      flags.maxMutatingRequestsInflight,
    );
  if (fairness !== undefined) {
    if (fairness !== 'true' && fairness !== 'false')
      throw new BadRequest(`--enable-priority-and-fairness "${fairness}" is not true or false`);
    limits.enablePriorityAndFairness = fairness === 'true';
  }
  if (flags.requestTimeout !== undefined)
    limits.requestTimeoutMs = parseDurationMs('--request-timeout', flags.requestTimeout);
  if (flags.minRequestTimeout !== undefined)
    limits.minRequestTimeoutMs = count('--min-request-timeout', flags.minRequestTimeout) * 1000;
  if (goawayChance !== undefined) {
    const chance = Number(goawayChance);
    if (!(chance >= 0 && chance <= 0.02))
      throw new BadRequest(`--goaway-chance "${goawayChance}" is not from 0 to 0.02`);
    limits.goawayChance = chance;
  }
  if (flags.shutdownDelayDuration !== undefined)
    limits.shutdownDelayMs = parseDurationMs('--shutdown-delay-duration', flags.shutdownDelayDuration);
  if (flags.logicalClusterTotalObjectLimit !== undefined)
    limits.logicalClusterTotalObjectLimit = count(
      '--logical-cluster-total-object-limit',
      flags.logicalClusterTotalObjectLimit,
    );
  const seats = (limits.maxRequestsInflight ?? 400) + (limits.maxMutatingRequestsInflight ?? 200);
  if (limits.enablePriorityAndFairness !== false && seats === 0)
    throw new BadRequest(
      '--max-requests-inflight and --max-mutating-requests-inflight must not both be 0 with priority and fairness',
    );
  return { limits };
}

/** @throws BadRequest naming the flag and the value. */
export function resolveAudit(flags: RequestLimitFlags, env: Environment): { audit?: Audit } {
  const policyFile = flags.auditPolicyFile ?? env.ORRERY_AUDIT_POLICY_FILE;
  const logFile = flags.auditLogPath ?? env.ORRERY_AUDIT_LOG_PATH;
  if ((policyFile === undefined) !== (logFile === undefined))
    throw new BadRequest('--audit-policy-file and --audit-log-path need each other');
  const { auditLogFormat: format, auditLogMode: mode } = flags;
  if (format !== undefined && format !== 'json')
    throw new BadRequest(`--audit-log-format "${format}" is not supported: only json`);
  if (mode !== undefined && mode !== 'batch' && mode !== 'blocking')
    throw new BadRequest(`--audit-log-mode "${mode}" is not supported: batch or blocking`);
  const limits: NonNullable<Audit['limits']> = {};
  if (flags.auditLogMaxsize !== undefined)
    limits.maxBytes = (count('--audit-log-maxsize', flags.auditLogMaxsize) || 100) * 1024 * 1024;
  if (flags.auditLogMaxbackup !== undefined)
    limits.maxBackups = count('--audit-log-maxbackup', flags.auditLogMaxbackup);
  if (flags.auditLogMaxage !== undefined)
    limits.maxAgeDays = count('--audit-log-maxage', flags.auditLogMaxage);
  if (policyFile === undefined || logFile === undefined) return {};
  return {
    audit: {
      policyFile: resolve(policyFile),
      logFile: logFile === '-' ? logFile : resolve(logFile),
      ...(Object.keys(limits).length > 0 && { limits }),
      ...(mode !== undefined && { mode }),
    },
  };
}

/** The flags that say the same. */
export function requestLimitArguments({ limits, audit }: { limits: Limits; audit?: Audit }): string[] {
  const said: Record<string, string | number | boolean | undefined> = {
    '--max-requests-inflight': limits.maxRequestsInflight,
    '--max-mutating-requests-inflight': limits.maxMutatingRequestsInflight,
    '--enable-priority-and-fairness': limits.enablePriorityAndFairness,
    '--request-timeout': milliseconds(limits.requestTimeoutMs),
    '--min-request-timeout': limits.minRequestTimeoutMs && limits.minRequestTimeoutMs / 1000,
    '--goaway-chance': limits.goawayChance,
    '--shutdown-delay-duration': milliseconds(limits.shutdownDelayMs),
    '--logical-cluster-total-object-limit': limits.logicalClusterTotalObjectLimit,
    '--audit-policy-file': audit?.policyFile,
    '--audit-log-path': audit?.logFile,
    '--audit-log-maxsize': audit?.limits?.maxBytes && audit.limits.maxBytes / 1024 / 1024,
    '--audit-log-maxbackup': audit?.limits?.maxBackups,
    '--audit-log-maxage': audit?.limits?.maxAgeDays,
    '--audit-log-mode': audit?.mode,
  };
  return Object.entries(said).flatMap(([flag, value]) => (value === undefined ? [] : [flag, String(value)]));
}

function milliseconds(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : `${ms}ms`;
}

function count(flag: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new BadRequest(`${flag} "${text}" is not a whole number`);
  return Number(text);
}
