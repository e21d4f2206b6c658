import { Refusal } from './refusal.ts';

/** The newest and the oldest version of Docker's Engine API that is spoken. */
export const API_VERSION = '1.44';
export const MIN_API_VERSION = '1.24';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';

export interface Route<Handler> {
  method: Method;
  /** `/containers/{name}/json`; `{name*}` also takes slashes. */
  path: string;
  handler: Handler;
}

export interface RouteMatch<Handler> {
  handler: Handler;
  params: Record<string, string>;
  /** As the client wrote it, else the newest. */
  version: string;
}

interface CompiledRoute<Handler> extends Route<Handler> {
  pattern: RegExp;
  names: string[];
}

/**
 * Finds the handler of a request. The first route of the table that fits wins: those with words stand before those
 * with `{name*}` at the same place.
 */
export class Router<Handler> {
  readonly #routes: CompiledRoute<Handler>[];

  constructor(routes: readonly Route<Handler>[]) {
    this.#routes = routes.map((route) => ({ ...route, ...compile(route.path) }));
  }

  /** @throws Refusal 400 for a version that is not spoken, 404 for an unknown path, 405 for another method's path. */
  match(method: string, pathname: string): RouteMatch<Handler> {
    const { version, path } = splitVersion(pathname);
    let isKnownPath = false;
    for (const route of this.#routes) {
      const found = route.pattern.exec(path);
      if (found === null) continue;
      // A GET is also what HEAD asks for, unless HEAD has a route of its own.
      if (route.method === method || (method === 'HEAD' && route.method === 'GET')) {
        return { handler: route.handler, params: decodeParams(route.names, found), version };
      }
      isKnownPath = true;
    }
    throw isKnownPath
      ? new Refusal(405, `${method} is not allowed on ${path}`)
      : new Refusal(404, 'page not found');
  }
}

function compile(path: string): { pattern: RegExp; names: string[] } {
  const names: string[] = [];
  const pattern = path.replace(/[.]/g, '\\.').replace(/\{(\w+)(\*?)\}/g, (_, name: string, star: string) => {
    names.push(name);
    return star === '*' ? '(.+)' : '([^/]+)';
  });
  return { pattern: new RegExp(`^${pattern}/?$`), names };
}

function decodeParams(names: string[], found: RegExpExecArray): Record<string, string> {
  try {
    return Object.fromEntries(names.map((name, i) => [name, decodeURIComponent(found[i + 1]!)]));
  } catch (cause) {
    throw new Refusal(400, 'the path is not well encoded', { cause });
  }
}

/** Docker's words: server/middleware/version.go of moby. */
function splitVersion(pathname: string): { version: string; path: string } {
  const versioned = /^\/+v([0-9]+(?:\.[0-9]+)*)(\/.*)$/.exec(pathname);
  if (versioned === null) return { version: API_VERSION, path: pathname.replace(/^\/+/, '/') };
  const [, version, path] = versioned as unknown as [string, string, string];
  if (compareVersions(version, API_VERSION) > 0)
    throw new Refusal(
      400,
      `client version ${version} is too new. Maximum supported API version is ${API_VERSION}`,
    );
  if (compareVersions(version, MIN_API_VERSION) < 0)
    throw new Refusal(
      400,
      `client version ${version} is too old. Minimum supported API version is ${MIN_API_VERSION}, please upgrade your client to a newer version`,
    );
  return { version, path: path.replace(/^\/+/, '/') };
}

export function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}
