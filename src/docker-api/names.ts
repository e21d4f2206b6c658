import { NotFound } from '../base/index.ts';
import { familiarReference, type Image, type ImageLibrary, normaliseReference } from '../engine/index.ts';

/** Over Docker's API a name without a domain is docker.io's: `nginx` → `docker.io/library/nginx:latest`. @throws BadRequest */
export function dockerName(name: string, tag?: string): string {
  if (tag === undefined) return normaliseReference(name);
  return normaliseReference(tag.startsWith('sha256:') ? `${name}@${tag}` : `${name}:${tag}`);
}

/** As Docker prints it: `docker.io/library/nginx:latest` → `nginx:latest`. What is no reference stays as it is. */
export function familiarName(name: string): string {
  if (/^(sha256:)?[0-9a-f]{64}$/.test(name) || name === '') return name;
  try {
    return familiarReference(name);
  } catch {
    // Names that other tools allow, and Docker's grammar does not, are shown as they are.
    return name;
  }
}

export interface FoundImage {
  image: Image;
  /** A name that leads to just this image everywhere: its own full name, or its id. */
  reference: string;
}

/**
 * An image by id (or its beginning), by its docker.io name, then by any name the engine knows it by.
 * @throws NotFound in Docker's words
 */
export async function findImage(images: ImageLibrary, name: string): Promise<FoundImage> {
  if (/^(sha256:)?[0-9a-f]{4,64}$/.test(name)) {
    const byId = await images.resolve(name);
    const digits = name.replace(/^sha256:/, '');
    if (byId?.id.replace(/^sha256:/, '').startsWith(digits)) return { image: byId, reference: byId.id };
  }
  const full = nameOrUndefined(name);
  const exact = full === undefined ? undefined : await images.resolve(full);
  if (exact !== undefined) return { image: exact, reference: full! };
  const known = await images.resolve(name);
  if (known !== undefined) return { image: known, reference: nameOfImage(known, name) };
  throw new NotFound(`No such image: ${full === undefined ? name : familiarName(full)}`);
}

/** `localhost/web:latest` for `web`: the name by which the engine found it. */
function nameOfImage(image: Image, asked: string): string {
  const tagged = /:[\w.-]+$/.test(asked) ? asked : `${asked}:latest`;
  return image.references.find((one) => one === asked || one.endsWith(`/${tagged}`)) ?? image.id;
}

function nameOrUndefined(name: string): string | undefined {
  try {
    return normaliseReference(name);
  } catch {
    // No reference of Docker's: it may still be a short name or an id that the engine knows.
    return undefined;
  }
}
