import { expect, test } from 'vitest';
import type { LibpodEvent } from '../../libpod/index.ts';
import { dockerEvent, eventLine, eventPasses } from './docker-event.ts';

const died: LibpodEvent = {
  ...{ Type: 'container', Status: 'died', ID: 'abc', Name: 'web', Image: 'docker.io/library/nginx:latest' },
  ...{ Time: '2023-11-14T22:13:20.000000001Z', ContainerExitCode: 3, Attributes: { team: 'x' } },
};

test("an event has Docker's words, and all its nanoseconds", () => {
  expect(eventLine(dockerEvent(died)!)).toBe(
    '{"status":"die","id":"abc","from":"nginx:latest","Type":"container","Action":"die","Actor":{"ID":"abc",' +
      '"Attributes":{"team":"x","image":"nginx:latest","name":"web","exitCode":"3"}},"scope":"local",' +
      '"time":1700000000,"timeNano":1700000000000000001}\n',
  );
});

test.each([
  ['container', 'remove', 'destroy'],
  ['image', 'remove', 'delete'],
  ['network', 'remove', 'destroy'],
  ['container', 'start', 'start'],
  ['container', 'init', undefined],
  ['pod', 'create', undefined],
])('%s %s is %s', (Type, Status, action) => {
  expect(dockerEvent({ ...died, Type, Status })?.Action).toBe(action);
});

test("a volume's event is of its name", () => {
  const event = dockerEvent({
    ...died,
    Type: 'volume',
    Status: 'create',
    ID: '',
    Name: 'data',
    Attributes: {},
  })!;
  expect(event.Actor).toEqual({ ID: 'data', Attributes: { driver: 'local' } });
  expect(eventPasses(event, { volume: ['data'] })).toBe(true);
});

test('a health check tells its result in the action, and is found without it', () => {
  const event = dockerEvent({ ...died, Status: 'health_status', HealthStatus: 'unhealthy' })!;
  expect(event.Action).toBe('health_status: unhealthy');
  expect(eventPasses(event, { event: ['health_status'] })).toBe(true);
});

test.each([
  [{ type: ['container'], event: ['die'] }, true],
  [{ container: ['web'] }, true],
  [{ container: ['ab'] }, true],
  [{ image: ['nginx'] }, true],
  [{ image: ['nginx:latest'] }, true],
  [{ label: ['team=x'] }, true],
  [{ label: ['team=y'] }, false],
  [{ event: ['start'] }, false],
  [{ network: ['web'] }, false],
  [{ service: ['web'] }, false],
])('filters %j: %s', (filters, passes) => {
  expect(eventPasses(dockerEvent(died)!, filters as unknown as Record<string, string[]>)).toBe(passes);
});
