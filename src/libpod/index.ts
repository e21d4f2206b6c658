/**
 * libpod: what users of Docker and Podman have over the engine: containers by name with all of their settings,
 * pods, volumes, networks, secrets, events, health checks, restarts.
 *
 * Is not the engine (which runs containers and keeps images), nor a command line or a server (`cli`,
 * `docker-api`). Guarantees: no daemon; state survives kill -9 at any step, and the next process that opens it
 * repairs what was left; what is not supported is refused by name. Does not guarantee: that two clouds' pods
 * are seen here (the node's containers are its own).
 */
export { dockerStatus, statusText } from './containers/docker-status.ts';
export type * from './create-options.ts';
export { dockerWords } from './docker-words.ts';
export { dockerAction } from './events/event-filters.ts';
export { eventToJson } from './events/event-json.ts';
export { eventToText } from './events/event-text.ts';
export type * from './libpod.ts';
export { openLibpod } from './open-libpod.ts';
