import { parseAccept } from '../encoding/negotiation.ts';
import { type ApiRequest, type ApiResponse, textResponse } from '../http/messages.ts';
import type { VersionInfo } from './version.ts';

const WARNING =
  'Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.';
const PLAIN = new Set(['text/plain', 'text/*', '*/*']);

/** What /statusz and /flagz tell of this process. */
export interface ZpagesParts {
  version: VersionInfo;
  /** Settings by the names of their flags. */
  flags: Readonly<Record<string, unknown>>;
}

/**
 * GET /statusz and /flagz, on by default since Kubernetes 1.36, as text; their structured forms are refused (406).
 * Source: k8s.io/component-base/zpages.
 */
export function serveZpage(request: ApiRequest, path: string, parts: ZpagesParts): ApiResponse | undefined {
  if (path !== '/statusz' && path !== '/flagz') return undefined;
  const accept = request.headers?.accept;
  if (accept && !parseAccept(accept).some(({ type }) => PLAIN.has(type)))
    return textResponse(406, 'media type not acceptable, must be: text/plain\n');
  return textResponse(200, path === '/statusz' ? statusz(parts.version) : flagz(parts.flags));
}

function statusz({ goVersion, gitVersion, major, minor }: VersionInfo): string {
  const seconds = Math.floor(performance.now() / 1000);
  const two = (value: number) => String(value % 60).padStart(2, '0');
  const up = `${Math.floor(seconds / 3600)} hr ${two(Math.floor(seconds / 60))} min ${two(seconds)} sec`;
  const paths =
    '/api /apis /debug /healthz /livez /metrics /openapi /openid /readyz /statusz /flagz /version';
  return [
    '',
    'kube-apiserver statusz',
    WARNING,
    '',
    `Started: ${new Date(performance.timeOrigin).toUTCString()}`,
    `Up: ${up}`,
    `Go version: ${goVersion}`,
    `Binary version: ${gitVersion.slice(1)}`,
    `Emulation version: ${major}.${minor}`,
    `Useful Endpoints: ${paths}`,
    '',
  ].join('\n');
}

function flagz(flags: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(flags).map(([name, value]) => `${name}=${String(value)}`);
  return ['', 'kube-apiserver flags', WARNING, '', ...lines.sort(), ''].join('\n');
}
