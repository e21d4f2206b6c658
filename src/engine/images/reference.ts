import { BadRequest } from '../../base/index.ts';

/** A parsed image reference, in Docker's grammar (github.com/distribution/reference). */
export interface Reference {
  /** `docker.io` when none was written. */
  domain: string;
  /** `library/nginx` for a bare name on docker.io. */
  path: string;
  tag: string | undefined;
  digest: string | undefined;
}

const DOMAIN =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const PATH = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[a-f0-9]{64}$/;

/** @throws BadRequest `couldn't parse image name …` */
export function parseReference(text: string): Reference {
  const invalid = () => new BadRequest(`couldn't parse image name "${text}": invalid reference format`);
  if (/^[a-f0-9]{64}$/.test(text)) throw invalid();
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  const { domain, path } = splitDomain(hasTag ? named.slice(0, colon) : named);
  if (!DOMAIN.test(domain) || !PATH.test(path) || path.length > 255) throw invalid();
  if (tag !== undefined && !TAG.test(tag)) throw invalid();
  if (digest !== undefined && !DIGEST.test(digest)) throw invalid();
  return { domain, path, tag: tag ?? (digest === undefined ? 'latest' : undefined), digest };
}

function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isDomain =
    slash > 0 && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  let domain = isDomain ? first : 'docker.io';
  let path = isDomain ? name.slice(slash + 1) : name;
  if (domain === 'index.docker.io') domain = 'docker.io';
  if (domain === 'docker.io' && !path.includes('/')) path = `library/${path}`;
  return { domain, path };
}

/** `nginx` → `docker.io/library/nginx:latest`. A digest wins over a tag: `a:1@sha256:…` → `…/a@sha256:…`. */
export function normaliseReference(text: string): string {
  const { domain, path, tag, digest } = parseReference(text);
  return `${domain}/${path}${digest === undefined ? `:${tag}` : `@${digest}`}`;
}

/** The short form people read: `docker.io/library/nginx:latest` → `nginx:latest`. */
export function familiarReference(text: string): string {
  return normaliseReference(text).replace(/^docker\.io\/(?:library\/(?=[^/]+$))?/, '');
}
