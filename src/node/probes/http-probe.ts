import { request as httpRequest, type IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import type { corev1 } from '../../kube/index.ts';
import type { ProbeOutcome } from './probe-state.ts';

export interface HttpTarget {
  host: string;
  port: number;
  action: corev1.HTTPGetAction;
  timeoutMs: number;
  userAgent: string;
}

const longestBody = 10 * 1024;
const mostRedirects = 10;

/** What came back: a status and the first part of the body. @throws Error in Go's words, which users know from events */
export interface HttpAnswer {
  status: number;
  body: string;
  /** A redirect to another host, which is not followed. */
  redirectedAway: boolean;
}

/**
 * An httpGet probe: 200 to 399 is success; a redirect within the host is followed, to elsewhere it counts as
 * success. TLS certificates are not verified.
 * https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/#http-probes
 */
export async function probeHttp(target: HttpTarget): Promise<ProbeOutcome> {
  try {
    const answer = await getHttp(target);
    if (answer.redirectedAway)
      return { result: 'success', output: `Probe terminated redirects, Response body: ${answer.body}` };
    if (answer.status >= 200 && answer.status < 400) return { result: 'success', output: answer.body };
    return { result: 'failure', output: `HTTP probe failed with statuscode: ${answer.status}` };
  } catch (error) {
    return { result: 'failure', output: (error as Error).message };
  }
}

/** One GET, with redirects. */
export async function getHttp(target: HttpTarget): Promise<HttpAnswer> {
  const scheme = (target.action.scheme ?? 'HTTP').toLowerCase();
  const authority = `${isIPv6(target.host) ? `[${target.host}]` : target.host}:${target.port}`;
  const path = target.action.path || '/';
  let url = new URL(`${scheme}://${authority}${path.startsWith('/') ? '' : '/'}${path}`);
  const deadlineMs = performance.now() + target.timeoutMs;
  for (let redirects = 0; ; redirects++) {
    const response = await get(url, target, deadlineMs);
    const location = response.headers.location;
    const isRedirect = location !== undefined && [301, 302, 303, 307, 308].includes(response.statusCode!);
    const body = await readBody(response);
    if (!isRedirect) return { status: response.statusCode!, body, redirectedAway: false };
    const next = new URL(location, url);
    if (next.hostname !== url.hostname) return { status: response.statusCode!, body, redirectedAway: true };
    if (redirects >= mostRedirects) throw new Error(`Get "${url}": stopped after ${mostRedirects} redirects`);
    url = next;
  }
}

async function get(url: URL, target: HttpTarget, deadlineMs: number): Promise<IncomingMessage> {
  const headers: Record<string, string | string[]> = { 'user-agent': target.userAgent, accept: '*/*' };
  for (const { name, value } of target.action.httpHeaders ?? []) {
    const key = name.toLowerCase();
    const before = headers[key];
    const own = key === 'user-agent' || key === 'accept' || before === undefined;
    headers[key] = own ? value : [before, value].flat();
  }
  const options = { method: 'GET', headers, agent: false as const };
  const request =
    url.protocol === 'https:'
      ? (await import('node:https')).request(url, { ...options, rejectUnauthorized: false })
      : httpRequest(url, options);
  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      reject(new Error(`Get "${url}": ${why}`));
      request.destroy();
    };
    const timer = setTimeout(
      () => fail('context deadline exceeded (Client.Timeout exceeded while awaiting headers)'),
      Math.max(0, deadlineMs - performance.now()),
    );
    request.on('response', (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      fail(connectionError(error, url.hostname, Number(url.port) || (url.protocol === 'https:' ? 443 : 80)));
    });
    request.end();
  });
}

/** Up to 10 KiB; the rest is not waited for. */
function readBody(response: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const done = () => resolve(Buffer.concat(chunks).subarray(0, longestBody).toString());
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= longestBody) response.destroy();
    });
    response.on('close', done);
    response.on('end', done);
    // A body that breaks off after its headers came is as good as its beginning.
    response.on('error', done);
  });
}

/** A connection's trouble in the words of Go's net package. */
export function connectionError(error: NodeJS.ErrnoException, host: string, port: number): string {
  const dial = `dial tcp ${host}:${port}: `;
  switch (error.code) {
    case 'ECONNREFUSED':
      return `${dial}connect: connection refused`;
    case 'EHOSTUNREACH':
      return `${dial}connect: no route to host`;
    case 'ENETUNREACH':
      return `${dial}connect: network is unreachable`;
    case 'ETIMEDOUT':
      return `${dial}i/o timeout`;
    case 'ECONNRESET':
      return error.message.includes('hang up') ? 'EOF' : 'read: connection reset by peer';
    default:
      return error.message;
  }
}
