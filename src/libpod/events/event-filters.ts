import { BadRequest } from '../../base/index.ts';
import type { Filters, LibpodEvent } from '../libpod.ts';

type Test = (event: LibpodEvent) => boolean;

const isNamed =
  (type: string, value: string): Test =>
  (event) =>
    event.Type === type && (event.Name === value || (value !== '' && event.ID.startsWith(value)));

/** podman-events(1), --filter; the words of Docker's API (`scope`, `daemon`, …) that cannot differ here are true. */
const TESTS: Record<string, (value: string) => Test> = {
  container: (value) => isNamed('container', value),
  image: (value) => isNamed('image', value),
  pod: (value) => (event) => isNamed('pod', value)(event) || event.PodID?.startsWith(value) === true,
  volume: (value) => isNamed('volume', value),
  secret: (value) => isNamed('secret', value),
  network: (value) => (event) =>
    event.Type === 'network' &&
    (event.Network === value || event.Name === value || (value !== '' && event.ID.startsWith(value))),
  type: (value) => (event) => event.Type === value,
  event: (value) => matchesStatus(value),
  status: (value) => matchesStatus(value),
  label: (value) => (event) => {
    const [name, ...rest] = value.split('=');
    const found = event.Attributes?.[name!];
    return found !== undefined && (rest.length === 0 || found === rest.join('='));
  },
};

/** Podman's word, or Docker's for the same. */
function matchesStatus(value: string): Test {
  const wanted = value.split(':')[0]!.trim();
  return (event) => event.Status === wanted || dockerAction(event) === wanted;
}

/**
 * Values of one key are alternatives; all keys must match.
 *
 * @throws BadRequest
 */
export function eventFilter(filters: Filters): Test {
  const groups = Object.entries(filters).map(([key, values]) => {
    const make = TESTS[key.toLowerCase()];
    if (make === undefined) throw new BadRequest(`${key} is an invalid filter`);
    return values.map(make);
  });
  return (event) => groups.every((tests) => tests.length === 0 || tests.some((test) => test(event)));
}

const DOCKER_ACTIONS: Record<string, Record<string, string>> = {
  container: { died: 'die', remove: 'destroy', exec: 'exec_start', sync: 'update' },
  image: { remove: 'delete', loadfromarchive: 'load' },
  network: { remove: 'destroy' },
  volume: { remove: 'destroy' },
};

/** What Docker calls the same event (Engine API 1.44, `GET /events`). */
export function dockerAction(event: Pick<LibpodEvent, 'Type' | 'Status' | 'HealthStatus'>): string {
  const action = DOCKER_ACTIONS[event.Type]?.[event.Status] ?? event.Status;
  return action === 'health_status' && event.HealthStatus ? `health_status: ${event.HealthStatus}` : action;
}
