import { BadRequest, Conflict, messageOf, NotFound } from '../../base/index.ts';
import type {
  ContainerInspect,
  ContainerResourceLimits,
  Filters,
  HostConfig,
  WaitCondition,
} from '../../libpod/index.ts';
import type { ApiContext } from '../context.ts';
import type { Exchange } from '../http/exchange.ts';
import { filterFlag } from '../http/filters.ts';
import type { Handler } from '../http/http-server.ts';
import type { Route } from '../http/router.ts';
import { findImage } from '../names.ts';
import { readFields } from './body-reader.ts';
import { containerDetails, containerSummary, isRunning } from './container-shapes.ts';
import { checkName, readCreateBody } from './create-body.ts';
import { LIMIT_FIELDS, RESTART_POLICY } from './create-schema.ts';

/** Making containers, looking at them, and what can be done to one as a whole. */
export function containerRoutes(context: ApiContext): Route<Handler>[] {
  const { containers } = context.libpod;
  return [
    { method: 'GET', path: '/containers/json', handler: (x) => list(context, x) },
    { method: 'POST', path: '/containers/create', handler: (x) => create(context, x) },
    { method: 'POST', path: '/containers/prune', handler: (x) => prune(context, x) },
    { method: 'GET', path: '/containers/{name}/json', handler: (x) => inspect(context, x) },
    { method: 'GET', path: '/containers/{name}/top', handler: (x) => top(context, x) },
    { method: 'GET', path: '/containers/{name}/changes', handler: (x) => changes(context, x) },
    {
      method: 'GET',
      path: '/containers/{name}/export',
      handler: async (x) => {
        const tar = await containers.export(x.name());
        x.open('application/octet-stream');
        await x.pipe(tar);
      },
    },
    { method: 'POST', path: '/containers/{name}/start', handler: (x) => start(context, x) },
    { method: 'POST', path: '/containers/{name}/stop', handler: (x) => stop(context, x) },
    {
      method: 'POST',
      path: '/containers/{name}/restart',
      handler: async (x) => {
        await containers.restart(x.name(), stopOptions(x));
        x.done();
      },
    },
    { method: 'POST', path: '/containers/{name}/kill', handler: (x) => kill(context, x) },
    { method: 'POST', path: '/containers/{name}/update', handler: (x) => update(context, x) },
    { method: 'POST', path: '/containers/{name}/rename', handler: (x) => rename(context, x) },
    { method: 'POST', path: '/containers/{name}/pause', handler: (x) => pause(context, x) },
    { method: 'POST', path: '/containers/{name}/unpause', handler: (x) => unpause(context, x) },
    { method: 'POST', path: '/containers/{name}/wait', handler: (x) => wait(context, x) },
    { method: 'DELETE', path: '/containers/{name}', handler: (x) => remove(context, x) },
  ];
}

const LIST_FILTERS = [
  ...['ancestor', 'before', 'expose', 'exited', 'health', 'id', 'isolation', 'is-task', 'label', 'name'],
  ...['network', 'publish', 'since', 'status', 'volume'],
];
const STATUSES = ['created', 'dead', 'exited', 'paused', 'removing', 'restarting', 'running'];

async function list({ libpod, clock }: ApiContext, x: Exchange): Promise<void> {
  const given = x.filters(LIST_FILTERS);
  for (const status of given.status ?? [])
    if (!STATUSES.includes(status)) throw new BadRequest(`invalid filter 'status=${status}'`);
  const { publish, expose, isolation, 'is-task': task, ...filters } = given;
  if (task !== undefined && filterFlag(given, 'is-task') === true) return x.send(200, []);
  if (filters.status?.includes('dead')) filters.status = filters.status.filter((one) => one !== 'dead');
  if (given.status !== undefined && filters.status?.length === 0) return x.send(200, []);
  if (filters.name !== undefined) filters.name = filters.name.map((one) => one.replace(/^\//, ''));
  if (isolation?.some((one) => !['', 'default'].includes(one))) return x.send(200, []);
  const limit = x.integer('limit') ?? 0;
  const entries = await libpod.containers.list({
    // A state asked for is looked for among all.
    all: x.flag('all') || limit > 0 || 'status' in filters || 'exited' in filters,
    ...(limit > 0 && { last: limit }),
    size: x.flag('size'),
    filters,
  });
  const found = await Promise.all(
    entries.map(async (entry) => ({ entry, details: await detailsOf(libpod.containers, entry.id) })),
  );
  x.send(
    200,
    found
      .filter(({ entry, details }) => {
        const ports = entry.ports.map((one) => `${one.containerPort}/${one.protocol}`);
        const exposed = Object.keys(details?.config.ExposedPorts ?? {});
        return hasPort(ports, publish) && hasPort([...ports, ...exposed], expose);
      })
      .map(({ entry, details }) => containerSummary(entry, details, clock.now())),
  );
}

/** Mounts and addresses of one in the list; it may be gone meanwhile. */
async function detailsOf(
  containers: ApiContext['libpod']['containers'],
  id: string,
): Promise<ContainerInspect | undefined> {
  try {
    return await containers.inspect(id);
  } catch (error) {
    if (error instanceof NotFound) return undefined;
    throw error;
  }
}

/** `80`, `80/udp`, `8000-9000/tcp` */
function hasPort(ports: string[], wanted: string[] | undefined): boolean {
  if (wanted === undefined) return true;
  return wanted.some((one) => {
    const parts = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/.exec(one);
    if (parts === null) throw new BadRequest(`invalid filter: port "${one}"`);
    const [, first, last = first, protocol = 'tcp'] = parts;
    return ports.some((port) => {
      const [number, its = 'tcp'] = port.split('/');
      return its === protocol && Number(number) >= Number(first) && Number(number) <= Number(last);
    });
  });
}

async function create({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const body = await x.json();
  const options = readCreateBody(body, x.text('name')?.replace(/^\//, ''), x.text('platform'));
  if (options.Config.Image === '')
    throw new BadRequest('no command specified: the body names no image (Image)');
  const { reference } = await findImage(libpod.images, options.Config.Image);
  const { id, warnings } = await libpod.containers.create({
    ...options,
    Config: { ...options.Config, Image: reference },
  });
  x.send(201, { Id: id, Warnings: warnings });
}

async function inspect({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const one = await libpod.containers.inspect(x.name(), { size: x.flag('size') });
  x.send(200, containerDetails(one));
}

async function top({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const options = (x.text('ps_args') ?? '-ef').split(/\s+/).filter((one) => one !== '');
  const one = await libpod.containers.inspect(x.name());
  if (!isRunning(one.status)) throw new Conflict(`container ${one.id} is not running`);
  const { titles, processes } = await libpod.containers.top(one.id, options);
  x.send(200, { Titles: titles, Processes: processes });
}

async function changes({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const found = await libpod.containers.diff(x.name());
  const kinds = { C: 0, A: 1, D: 2 };
  x.send(
    200,
    found.map(({ path, kind }) => ({ Path: path, Kind: kinds[kind] })),
  );
}

async function start({ libpod }: ApiContext, x: Exchange): Promise<void> {
  x.refuse(['checkpoint', 'checkpoint-dir']);
  const one = await libpod.containers.inspect(x.name());
  if (one.status === 'paused') throw new Conflict('cannot start a paused container, try unpause instead');
  if (one.status === 'running') return x.done(304);
  try {
    await libpod.containers.start(one.id);
  } catch (error) {
    // Who asked for its removal at its end waits for that, also when it never began.
    if (one.hostConfig.AutoRemove) await libpod.containers.remove(one.id, { force: true, volumes: true });
    throw error;
  }
  x.done();
}

async function stop({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const one = await libpod.containers.inspect(x.name());
  if (!isRunning(one.status)) return x.done(304);
  await libpod.containers.stop(one.id, stopOptions(x));
  x.done();
}

function stopOptions(x: Exchange): { timeoutSeconds?: number; signal?: string } {
  const timeout = x.integer('t');
  const signal = x.text('signal');
  return {
    // Docker: below 0 there is no end of waiting.
    ...(timeout !== undefined && { timeoutSeconds: timeout < 0 ? 2 ** 31 - 1 : timeout }),
    ...(signal !== undefined && { signal }),
  };
}

async function kill({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const one = await libpod.containers.inspect(x.name());
  if (!isRunning(one.status))
    throw new Conflict(`cannot kill container: ${x.name()}: container ${one.id} is not running`);
  await libpod.containers.kill(one.id, x.text('signal') ?? 'SIGKILL');
  x.done();
}

async function update({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const limits = readFields(await x.json(), { ...LIMIT_FIELDS, RestartPolicy: RESTART_POLICY }, '', [
    ...['KernelMemory', 'KernelMemoryTCP', 'CpuCount', 'CpuPercent', 'IOMaximumIOps', 'IOMaximumBandwidth'],
  ]) as ContainerResourceLimits & Pick<HostConfig, 'RestartPolicy'>;
  // The client sends every field; what is zero says nothing (dockerd does the same).
  const set = Object.fromEntries(
    Object.entries(limits).filter(
      ([key, value]) =>
        !(value === 0 || value === '' || value === false || (Array.isArray(value) && value.length === 0)) &&
        !(key === 'RestartPolicy' && !(value as { Name?: string }).Name),
    ),
  );
  await libpod.containers.update(x.name(), set);
  x.send(200, { Warnings: [] });
}

async function rename({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const name = x.text('name')?.replace(/^\//, '');
  if (name === undefined) throw new BadRequest('Neither old nor new names may be empty');
  checkName(name);
  await libpod.containers.rename(x.name(), name);
  x.done();
}

async function pause({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const one = await libpod.containers.inspect(x.name());
  if (one.status === 'paused') throw new Conflict(`container ${one.id} is already paused`);
  if (!isRunning(one.status)) throw new Conflict(`container ${one.id} is not running`);
  await libpod.containers.pause(one.id);
  x.done();
}

async function unpause({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const one = await libpod.containers.inspect(x.name());
  if (one.status !== 'paused') throw new Conflict(`container ${one.id} is not paused`);
  await libpod.containers.unpause(one.id);
  x.done();
}

const CONDITIONS: Record<string, WaitCondition> = {
  'not-running': 'not-running',
  'next-exit': 'next-exit',
  removed: 'removed',
};

/** The head goes out when the wait has begun: a client that starts the container then cannot miss its end. */
async function wait({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const asked = x.text('condition') ?? 'not-running';
  const condition = CONDITIONS[asked];
  if (condition === undefined) throw new BadRequest(`invalid condition: "${asked}"`);
  const id = await libpod.containers.idOf(x.name());
  const ended = libpod.containers.wait(id, condition, x.signal);
  x.open('application/json');
  try {
    await x.write(`${JSON.stringify({ StatusCode: await ended })}\n`);
  } catch (error) {
    if (x.signal.aborted) return;
    // Its head is sent: the failure goes into the body (ContainerWaitResponse).
    await x.write(`${JSON.stringify({ StatusCode: -1, Error: { Message: messageOf(error) } })}\n`);
  }
  x.end();
}

async function remove({ libpod }: ApiContext, x: Exchange): Promise<void> {
  x.refuse(['link']);
  const force = x.flag('force');
  const one = await libpod.containers.inspect(x.name());
  if (!force && isRunning(one.status)) {
    const [state, remedy] =
      one.status === 'paused'
        ? ['paused', 'unpause and then stop the container before removal or force remove']
        : ['running', 'stop the container before removal or force remove'];
    throw new Conflict(`cannot remove container "/${one.name}": container is ${state}: ${remedy}`);
  }
  // Its end is told of before its removal is, also when nobody has come to that yet.
  if (!isRunning(one.status)) await libpod.containers.cleanup(one.id);
  await libpod.containers.remove(one.id, {
    force,
    volumes: x.flag('v'),
    ...(force && { timeoutSeconds: 0 }),
  });
  x.done();
}

const PRUNE_FILTERS = ['until', 'label', 'label!'];

async function prune({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const filters: Filters = x.filters(PRUNE_FILTERS);
  const { deleted, reclaimedBytes } = await libpod.containers.prune(filters);
  x.send(200, { ContainersDeleted: deleted, SpaceReclaimed: reclaimedBytes });
}
