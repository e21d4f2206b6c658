import type { Handler } from '../http/http-server.ts';
import { Refusal } from '../http/refusal.ts';
import type { Method, Route } from '../http/router.ts';

const MANAGER =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

/** What dockerd answers where there is no swarm: 503 to all of its calls; it is never joined. */
export function swarmRoutes(): Route<Handler>[] {
  const refuse =
    (status: number, message: string): Handler =>
    () => {
      throw new Refusal(status, message);
    };
  const noManager = refuse(503, MANAGER);
  const route = (method: Method, path: string, handler = noManager): Route<Handler> => ({
    ...{ method, path, handler },
  });
  const objects = ['services', 'tasks', 'nodes', 'secrets', 'configs'].flatMap((kind) => [
    route('GET', `/${kind}`),
    route('POST', `/${kind}/create`),
    route('GET', `/${kind}/{name}`),
    route('DELETE', `/${kind}/{name}`),
    route('POST', `/${kind}/{name}/update`),
    route('GET', `/${kind}/{name}/logs`),
  ]);
  const noSwarm = refuse(501, 'swarm is not supported: `orrery up` runs containers on several machines');
  const noPlugins = refuse(501, 'plugins are not supported');
  return [
    ...objects,
    route('GET', '/swarm'),
    route('POST', '/swarm/init', noSwarm),
    route('POST', '/swarm/join', noSwarm),
    route('POST', '/swarm/leave'),
    route('POST', '/swarm/update'),
    route('GET', '/swarm/unlockkey'),
    route('POST', '/swarm/unlock'),
    { method: 'GET', path: '/plugins', handler: async (x) => x.send(200, []) },
    route('GET', '/plugins/privileges', noPlugins),
    route('POST', '/plugins/pull', noPlugins),
    route('POST', '/plugins/create', noPlugins),
    ...(['enable', 'disable', 'upgrade', 'push', 'set'] as const).map((verb) =>
      route('POST', `/plugins/{name*}/${verb}`, noPlugins),
    ),
    route('GET', '/plugins/{name*}/json', refuse(404, 'plugin not found')),
    route('DELETE', '/plugins/{name*}', refuse(404, 'plugin not found')),
  ];
}
