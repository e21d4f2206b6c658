import { connect } from 'node:net';
import { messageOf } from '../../base/index.ts';
import type { Engine } from '../../engine/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { probeGrpc } from './grpc-probe.ts';
import { connectionError, probeHttp } from './http-probe.ts';
import type { ProbeOutcome } from './probe-state.ts';

export interface ProbeTarget {
  engine: Engine;
  containerId: string;
  container: corev1.Container;
  podIP: string;
  userAgent: string;
}

const longestOutput = 10 * 1024;

/** Carries a probe out once; never throws. */
export async function runProbe(probe: corev1.Probe, target: ProbeTarget): Promise<ProbeOutcome> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  try {
    if (probe.exec) return await probeExec(probe.exec.command ?? [], target, timeoutMs);
    if (probe.httpGet) {
      const port = resolvePort(probe.httpGet.port, target.container);
      const host = probe.httpGet.host || target.podIP;
      return await probeHttp({ host, port, action: probe.httpGet, timeoutMs, userAgent: target.userAgent });
    }
    if (probe.tcpSocket) {
      const port = resolvePort(probe.tcpSocket.port, target.container);
      return await probeTcp(probe.tcpSocket.host || target.podIP, port, timeoutMs);
    }
    if (probe.grpc) {
      const { port, service = '' } = probe.grpc;
      return await probeGrpc({ host: target.podIP, port, service, timeoutMs });
    }
    return { result: 'unknown', output: `missing probe handler for ${target.container.name}` };
  } catch (error) {
    return { result: 'unknown', output: messageOf(error) };
  }
}

/** A number, or the name of a port of the container. @throws Error in the kubelet's words */
export function resolvePort(port: number | string, container: corev1.Container): number {
  const number =
    typeof port === 'number'
      ? port
      : (container.ports?.find(({ name }) => name === port)?.containerPort ?? Number(port));
  if (Number.isNaN(number)) throw new Error(`couldn't find port: "${port}" in container "${container.name}"`);
  if (number <= 0 || number > 65_535) throw new Error(`invalid port number: ${number}`);
  return number;
}

function probeTcp(host: string, port: number, timeoutMs: number): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const finish = (result: ProbeOutcome['result'], output: string) => {
      socket.destroy();
      resolve({ result, output });
    };
    socket.on('connect', () => finish('success', ''));
    socket.on('timeout', () => finish('failure', `dial tcp ${host}:${port}: i/o timeout`));
    socket.on('error', (error) => finish('failure', connectionError(error, host, port)));
  });
}

async function probeExec(
  command: readonly string[],
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  const { exitCode, output } = await execute(target.engine, target.containerId, command, timeoutMs);
  if (exitCode === undefined) {
    const text = `command timed out: "${command.join(' ')}" timed out after ${timeoutMs / 1000}s`;
    return { result: 'failure', output: text };
  }
  return { result: exitCode === 0 ? 'success' : 'failure', output };
}

/** Runs a command in a container; the exit code is undefined when it took too long, or `signal` ended it. */
export async function execute(
  engine: Engine,
  containerId: string,
  command: readonly string[],
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<{ exitCode: number | undefined; output: string }> {
  const session = await engine.exec(containerId, { command: [...command], tty: false, stdin: false });
  const chunks: Buffer[] = [];
  let length = 0;
  const take = (chunk: Buffer) => {
    if (length < longestOutput) chunks.push(chunk);
    length += chunk.length;
  };
  session.stdout.on('data', take);
  session.stderr?.on('data', take);
  const cutOff = Promise.withResolvers<undefined>();
  const end = () => {
    session.kill();
    cutOff.resolve(undefined);
  };
  const timer = setTimeout(end, timeoutMs);
  signal?.addEventListener('abort', end, { once: true });
  const exitCode = await Promise.race([session.exit, cutOff.promise]);
  clearTimeout(timer);
  signal?.removeEventListener('abort', end);
  return { exitCode, output: Buffer.concat(chunks).subarray(0, longestOutput).toString() };
}
