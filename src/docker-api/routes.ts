import { archiveRoutes } from './containers/archive-routes.ts';
import { attachRoutes } from './containers/attach-routes.ts';
import { containerRoutes } from './containers/container-routes.ts';
import { execRoutes } from './containers/exec-routes.ts';
import { observeRoutes } from './containers/observe-routes.ts';
import type { ApiContext } from './context.ts';
import type { Handler } from './http/http-server.ts';
import type { Route } from './http/router.ts';
import { buildRoutes } from './images/build-routes.ts';
import { imageRoutes } from './images/image-routes.ts';
import { transferRoutes } from './images/transfer-routes.ts';
import { networkRoutes } from './networks/network-routes.ts';
import { eventRoutes } from './system/event-routes.ts';
import { swarmRoutes } from './system/swarm-routes.ts';
import { systemRoutes } from './system/system-routes.ts';
import { volumeRoutes } from './volumes/volume-routes.ts';

/** Every call that is served, and those that are refused by name. */
export function dockerRoutes(context: ApiContext): Route<Handler>[] {
  return [
    ...systemRoutes(context),
    ...eventRoutes(context),
    ...containerRoutes(context),
    ...attachRoutes(context),
    ...observeRoutes(context),
    ...archiveRoutes(context),
    ...execRoutes(context),
    ...imageRoutes(context),
    ...transferRoutes(context),
    ...buildRoutes(context),
    ...networkRoutes(context),
    ...volumeRoutes(context),
    ...swarmRoutes(),
  ];
}
