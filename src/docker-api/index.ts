/**
 * docker-api: Docker's Engine API 1.44 over libpod, for clients that speak it: the docker command, compose, dockerode,
 * docker-py, testcontainers, editors.
 *
 * Is not libpod, and keeps nothing itself: a server that dies and is started again answers the same. Guarantees:
 * Docker's paths, shapes and status codes; a client's mistake is never a 500; fields that would change what a
 * container does and are not supported are refused by name; bodies, headers and their times are bounded; a client
 * that goes away ends what was done for it alone. Does not guarantee: swarm, plugins, BuildKit's sessions (each
 * refused), Podman's own `/libpod` paths.
 */
export type { ServerFacts } from './context.ts';
export type { MutualTls } from './http/http-server.ts';
export { type DockerApiOptions, type DockerApiServer, type ListenAddress, serveDockerApi } from './server.ts';
