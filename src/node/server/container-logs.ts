import { open } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { BadRequest, messageOf } from '../../base/index.ts';
import type { FoundContainer, PodLookup } from '../pod-lookup.ts';
import { containerEnd } from './container-end.ts';
import { HttpFailure } from './http-failure.ts';
import { type LogOptions, parseLogOptions } from './logs/log-options.ts';
import { readLog } from './logs/log-reader.ts';
import type { ServerContext } from './server-context.ts';

/** GET /containerLogs/{namespace}/{pod}/{container} */
export async function serveContainerLogs(
  context: ServerContext,
  target: { namespace: string; pod: string; container: string },
  query: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const options = logOptions(query, context.clock.now());
  const container = findContainer(context.pods, target);
  const { engineId, logPath } = chooseLog(container, target.pod, options.previous);
  const closed = new AbortController();
  response.on('close', () => closed.abort());
  await using file = await openLog(logPath);
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.flushHeaders();
  const ended = options.follow ? containerEnd(context, engineId, closed.signal) : Promise.resolve();
  for await (const piece of readLog({ path: logPath, file, ended }, options, closed.signal)) {
    if (closed.signal.aborted) return;
    if (!response.write(piece.data)) await roomIn(response);
  }
  response.end();
}

function logOptions(query: URLSearchParams, nowMs: number): LogOptions {
  try {
    return parseLogOptions(query, nowMs);
  } catch (error) {
    if (error instanceof BadRequest) throw new HttpFailure(422, error.message);
    throw error;
  }
}

function findContainer(
  pods: PodLookup,
  target: { namespace: string; pod: string; container: string },
): FoundContainer {
  const found = pods.find(target.namespace, target.pod);
  if (found === undefined) throw new HttpFailure(404, `pod "${target.pod}" does not exist`);
  const container = found.containers.find(({ name }) => name === target.container);
  if (container === undefined)
    throw new HttpFailure(404, `container "${target.container}" not found in pod "${target.pod}"`);
  return container;
}

/** Which incarnation's log is meant; the words are kubelet's (validateContainerLogStatus). */
export function chooseLog(
  container: FoundContainer,
  pod: string,
  previous: boolean,
): { engineId: string; logPath: string } {
  const { engineId, logPath, state, waitingReason } = container;
  const newest = engineId !== undefined && logPath !== undefined ? { engineId, logPath } : undefined;
  const name = `container "${container.name}" in pod "${pod}"`;
  if (previous) {
    // A container that waits to be started again has its newest incarnation behind it.
    const before = state === 'waiting' ? (newest ?? container.previous) : container.previous;
    if (before === undefined) throw new HttpFailure(400, `previous terminated ${name} not found`);
    return before;
  }
  if (newest !== undefined) return newest;
  if (state === 'terminated') throw new HttpFailure(400, `${name} is terminated`);
  if (state === 'running' || waitingReason === undefined)
    throw new HttpFailure(400, `${name} is waiting to start - no logs yet`);
  const why = WAITING_WORDS[waitingReason] ?? waitingReason;
  throw new HttpFailure(400, `${name} is waiting to start: ${why}`);
}

const WAITING_WORDS: Record<string, string> = {
  ErrImagePull: "image can't be pulled",
  ImagePullBackOff: 'trying and failing to pull image',
};

async function openLog(path: string) {
  try {
    return await open(path, 'r');
  } catch (cause) {
    throw new HttpFailure(400, `failed to open log file "${path}": ${messageOf(cause)}`, { cause });
  }
}

export function roomIn(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}
