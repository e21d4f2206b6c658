import { messageOf } from '../../base/index.ts';
import { pathNotFound } from '../errors.ts';
import { type ApiRequest, type ApiResponse, textResponse } from '../http/messages.ts';

/** One thing that must work; throws when it does not. */
export interface HealthCheck {
  name: string;
  /** Readiness only: not being ready is no reason to be restarted. */
  readinessOnly?: boolean;
  check(): Promise<void> | void;
}

const ENDPOINTS = new Set(['livez', 'readyz', 'healthz']);

/**
 * GET /livez, /readyz, /healthz, each with `?verbose`, `?exclude=<check>` and `/<check>`.
 * Source: k8s.io/apiserver/pkg/server/healthz.
 */
export async function health(
  request: ApiRequest,
  path: string,
  checks: readonly HealthCheck[],
): Promise<ApiResponse | undefined> {
  const [endpoint = '', one] = path.split('/').filter((part) => part !== '');
  if (!ENDPOINTS.has(endpoint)) return undefined;
  const excluded = new Set(request.query?.getAll('exclude') ?? []);
  const relevant = checks.filter((check) => endpoint === 'readyz' || check.readinessOnly !== true);
  const chosen = one === undefined ? relevant : relevant.filter((check) => check.name === one);
  if (one !== undefined && chosen.length === 0) throw pathNotFound();
  const lines: string[] = [];
  let failed = false;
  for (const check of chosen) {
    const problem = excluded.has(check.name) ? undefined : await problemOf(check);
    if (excluded.has(check.name)) lines.push(`[+]${check.name} excluded: ok`);
    else if (problem === undefined) lines.push(`[+]${check.name} ok`);
    else lines.push(`[-]${check.name} failed: ${problem}`);
    failed ||= problem !== undefined;
  }
  const text = lines.map((line) => `${line}\n`).join('');
  if (failed) return textResponse(500, `${text}${endpoint} check failed\n`);
  const verbose = request.query?.has('verbose') === true;
  return textResponse(200, verbose ? `${text}${endpoint} check passed\n` : 'ok');
}

async function problemOf(check: HealthCheck): Promise<string | undefined> {
  try {
    await check.check();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
