import { BadRequest } from '../../base/index.ts';
import type { Engine } from '../../engine/index.ts';
import { matchesLabels } from '../filters/label-filter.ts';
import { untilTimeMs } from '../filters/until-filter.ts';
import type { ContainerListEntry, Filters } from '../libpod.ts';
import type { ContainerStore } from './container-store.ts';
import type { Container } from './stored-container.ts';

type Test = (entry: ContainerListEntry, container: Container) => boolean;

export interface FilterContext {
  engine: Engine;
  store: ContainerStore;
  now: () => number;
  containers: readonly Container[];
}

const STATUSES = new Set([
  ...['created', 'initialized', 'running', 'paused', 'exited', 'restarting', 'removing', 'stopping'],
  ...['stopped', 'configured', 'unknown', 'dead'],
]);

const RESTART_POLICIES = new Set(['', 'no', 'none', 'always', 'on-failure', 'unless-stopped']);

/** Podman's and Docker's filters of `ps`: values of one key are alternatives (all must fit for labels), keys must all fit. */
export async function containerFilter(filters: Filters, context: FilterContext): Promise<Test> {
  const tests: Test[] = [];
  for (const [key, values] of Object.entries(filters)) {
    if (values.length === 0) continue;
    const make = MAKERS[key];
    if (make === undefined) throw new BadRequest(`${key} is an invalid filter`);
    tests.push(await make(values, context));
  }
  return (entry, container) => tests.every((test) => test(entry, container));
}

const any =
  (
    values: string[],
    fits: (value: string, entry: ContainerListEntry, container: Container) => boolean,
  ): Test =>
  (entry, container) =>
    values.some((value) => fits(value, entry, container));

const MAKERS: Record<string, (values: string[], context: FilterContext) => Test | Promise<Test>> = {
  id: (values) => any(values, (value, { id }) => patternOrPrefix(value)(id)),
  name: (values) => {
    const patterns = values.map((value) => new RegExp(value));
    return ({ name }) => patterns.some((one) => one.test(name) || one.test(`/${name}`));
  },
  label:
    (values) =>
    ({ labels }) =>
      matchesLabels(values, labels),
  'label!':
    (values) =>
    ({ labels }) =>
      !matchesLabels(values, labels),
  status: (values) => {
    for (const value of values)
      if (!STATUSES.has(value)) throw new BadRequest(`${value} is not a valid status`);
    return any(values, (value, { status }) => {
      if (value === 'stopped' || value === 'dead') return status === 'exited';
      if (value === 'configured') return status === 'created';
      return status === value || (value === 'created' && status === 'initialized');
    });
  },
  exited: (values) => {
    const codes = values.map((value) => {
      if (!/^-?\d+$/.test(value)) throw new BadRequest(`exited code out of range: ${JSON.stringify(value)}`);
      return Number(value);
    });
    return ({ status, exitCode }) => status === 'exited' && codes.includes(exitCode ?? -1);
  },
  ancestor: async (values, { engine }) => {
    const images = await Promise.all(
      values.map((value) => engine.images.resolve(value).catch(() => undefined)),
    );
    return (entry) =>
      values.some(
        (value, i) =>
          images[i]?.id === `sha256:${entry.imageId}` ||
          entry.imageId.startsWith(value.replace(/^sha256:/, '')) ||
          entry.image === value ||
          entry.image.replace(/:[^:/]*$/, '').endsWith(`/${value}`),
      );
  },
  before: async (values, context) => {
    const times = await createdTimes(values, context);
    return ({ createdAt }) => times.some((time) => Date.parse(createdAt) < time);
  },
  since: async (values, context) => {
    const times = await createdTimes(values, context);
    return ({ createdAt }) => times.some((time) => Date.parse(createdAt) > time);
  },
  volume: (values) =>
    any(values, (value, _entry, { stored }) =>
      stored.mounts.some((one) => {
        const [source, destination] = value.split(':');
        const isSource = one.name === source || one.source === source;
        if (destination !== undefined) return isSource && one.destination === destination;
        return isSource || one.destination === value;
      }),
    ),
  network: (values) =>
    any(values, (value, entry) => {
      if (value.startsWith('container:') || ['host', 'none', 'slirp4netns', 'pasta'].includes(value))
        return entry.networkMode.split(':')[0] === value.split(':')[0];
      return entry.networks.some(
        (one) => one.name === value || (value === 'bridge' && one.name === 'podman'),
      );
    }),
  pod: (values) =>
    any(values, (value, { podId, podName }) => podName === value || podId?.startsWith(value) === true),
  health: (values) => {
    for (const value of values)
      if (!['starting', 'healthy', 'unhealthy', 'none'].includes(value))
        throw new BadRequest(`${value} is not a valid health status`);
    return any(values, (value, { health }) => (health ?? 'none') === value);
  },
  'restart-policy': (values) => {
    for (const value of values)
      if (!RESTART_POLICIES.has(value)) throw new BadRequest(`${value} invalid restart policy`);
    return any(values, (value, _entry, { stored }) => {
      const policy = stored.hostConfig.RestartPolicy?.Name || 'no';
      return policy === (value === 'none' ? 'no' : value);
    });
  },
  until: (values, { now }) => {
    if (values.length > 1) throw new BadRequest('specify exactly one timestamp for until');
    const limit = untilTimeMs(values[0]!, now());
    return ({ createdAt }) => Date.parse(createdAt) < limit;
  },
  publish: (values) =>
    any(values, (value, { ports }) => ports.some((one) => isPort(value, one.hostPort, one.protocol))),
  expose: (values) =>
    any(values, (value, { ports }, { stored }) => {
      const exposed = Object.keys(stored.config.ExposedPorts ?? {}).map((one) => one.split('/'));
      return (
        ports.some((one) => isPort(value, one.containerPort, one.protocol)) ||
        exposed.some(([port, protocol]) => isPort(value, Number(port), protocol ?? 'tcp'))
      );
    }),
  'is-task': () => () => true,
  isolation: () => () => true,
};

/** `80`, `80-90`, `80/udp`. */
function isPort(text: string, port: number, protocol: string): boolean {
  const match = /^(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(text);
  if (match === null) throw new BadRequest(`invalid port ${JSON.stringify(text)}`);
  const [, first, last = first, wanted] = match;
  return port >= Number(first) && port <= Number(last) && (wanted === undefined || wanted === protocol);
}

function patternOrPrefix(value: string): (id: string) => boolean {
  if (/^[0-9a-f]*$/i.test(value)) return (id) => id.startsWith(value.toLowerCase());
  const pattern = new RegExp(value);
  return (id) => pattern.test(id);
}

async function createdTimes(values: string[], { store }: FilterContext): Promise<number[]> {
  return await Promise.all(
    values.map(async (value) => Date.parse((await store.find(value)).state.createdAt)),
  );
}
