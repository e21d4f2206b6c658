import { BadRequest } from '../../base/index.ts';

/**
 * How deep a body may nest. Go's decoder stops at 10,000; ours at what no object comes near and every function that
 * walks an object by recursion can take, so that nothing is stored that a reader dies of.
 */
const LIMIT = 1000;

const QUOTE = 34;
const BACKSLASH = 92;

/** Looks at the text, before anything is built of it. @throws BadRequest */
export function checkTextNesting(json: string): void {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (inString) {
      if (code === BACKSLASH) at++;
      else if (code === QUOTE) inString = false;
    } else if (code === QUOTE) inString = true;
    // '[' and '{', ']' and '}' differ by 0x20 only.
    else if ((code | 0x20) === 0x7b) {
      if (++depth > LIMIT) throw tooDeep();
    } else if ((code | 0x20) === 0x7d) depth--;
  }
}

/** The same of a value: what a YAML text or a patch has come to. @throws BadRequest */
export function checkNesting(value: unknown, depth = 1): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth > LIMIT) throw tooDeep();
  for (const one of Object.values(value)) checkNesting(one, depth + 1);
}

export function tooDeep(): BadRequest {
  return new BadRequest(`the object provided is unrecognized: exceeded max depth of ${LIMIT}`);
}
