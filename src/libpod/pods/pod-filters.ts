import { BadRequest } from '../../base/index.ts';
import type { Filters, PodListEntry } from '../libpod.ts';

type Test = (pod: PodListEntry) => boolean;

const CONTAINER_STATES = ['created', 'running', 'paused', 'stopped', 'exited', 'unknown'];
const POD_STATES = ['stopped', 'running', 'paused', 'exited', 'dead', 'created', 'degraded'];

const FILTERS: Record<string, (values: string[]) => Test> = {
  'ctr-ids': (values) => (pod) => pod.containers.some(({ id }) => matchesAny(id, values)),
  'ctr-names': (values) => (pod) => pod.containers.some(({ name }) => matchesAny(name, values)),
  'ctr-number': (values) => (pod) => values.includes(String(pod.containers.length)),
  'ctr-status': (values) => {
    for (const value of values)
      if (!CONTAINER_STATES.includes(value)) throw new BadRequest(`${value} is not a valid status`);
    const wanted = values.map((value) => (value === 'stopped' ? 'exited' : value));
    return (pod) =>
      pod.containers.some(({ status }) => wanted.includes(status === 'initialized' ? 'created' : status));
  },
  id: (values) => (pod) => matchesAny(pod.id, values),
  name: (values) => (pod) => matchesAny(pod.name, values),
  status: (values) => {
    for (const value of values)
      if (!POD_STATES.includes(value)) throw new BadRequest(`${value} is not a valid pod status`);
    return (pod) => values.includes(pod.status.toLowerCase());
  },
  label: (values) => (pod) => values.every((value) => hasLabel(pod.labels, value)),
  network: (values) => (pod) => pod.networks.some((network) => values.includes(network)),
  until: (values) => {
    const untilMs = Number(values.at(-1));
    if (Number.isNaN(untilMs)) throw new BadRequest(`${values.at(-1)} is not a valid time`);
    return (pod) => Date.parse(pod.createdAt) < untilMs;
  },
};

/** podman-pod-ps(1), --filter; `until` comes as milliseconds since 1970. @throws BadRequest */
export function podFilter(filters: Filters): Test {
  const tests = Object.entries(filters).map(([key, values]) => {
    const make = FILTERS[key];
    if (make === undefined) throw new BadRequest(`${key} is an invalid filter`);
    return make(values);
  });
  return (pod) => tests.every((test) => test(pod));
}

/** Each value is a regular expression; one that is none is taken as it is. */
function matchesAny(text: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    try {
      return new RegExp(pattern).test(text);
    } catch (error) {
      if (error instanceof SyntaxError) return text.includes(pattern);
      throw error;
    }
  });
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const [name, ...rest] = wanted.split('=');
  return labels[name!] !== undefined && (rest.length === 0 || labels[name!] === rest.join('='));
}
