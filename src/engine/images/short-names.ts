import { parseReference } from './reference.ts';

/** Whether a reference names its registry: `localhost/a`, `quay.io/a/b`, `host:5000/a`; not `a/b`. */
export function isQualified(text: string): boolean {
  const slash = text.indexOf('/');
  if (slash < 0) return false;
  const first = text.slice(0, slash);
  return /[.:]/.test(first) || first === 'localhost';
}

/**
 * The whole name of what is made here: Podman gives an unqualified one to `localhost`, Docker to docker.io.
 * A digest wins over a tag. @throws BadRequest
 */
export function localReference(text: string, defaultDomain: 'localhost' | 'docker.io' = 'localhost'): string {
  const whole = isQualified(text) || defaultDomain === 'docker.io' ? text : `localhost/${text}`;
  const { domain, path, tag, digest } = parseReference(whole);
  return `${domain}/${path}${digest === undefined ? `:${tag}` : `@${digest}`}`;
}

/**
 * The whole names that a reference may stand for among local images, best first: Podman's order (as it is,
 * `localhost/NAME`, then docker.io's). @throws BadRequest
 */
export function candidatesOf(text: string): string[] {
  if (isQualified(text)) return [localReference(text)];
  return [localReference(text), localReference(text, 'docker.io')];
}

/** Whether `name` is a whole name that ends with the unqualified `text`: `quay.io/a/b:1` for `a/b:1` and `b:1`. */
export function endsWithName(name: string, text: string): boolean {
  if (isQualified(text)) return false;
  const { path, tag } = parseReference(`localhost/${text}`);
  return name.endsWith(`/${path}:${tag}`);
}
