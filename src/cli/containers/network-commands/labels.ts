import { BadRequest } from '../../../base/index.ts';
import type { Filters } from '../../../libpod/index.ts';

/** `name=value`, or `name` alone. @throws BadRequest */
export function parseLabels(words: readonly string[], what: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const word of words) {
    const [name = '', ...value] = word.split('=');
    if (name === '') throw new BadRequest(`${what}: invalid label format: ${JSON.stringify(word)}`);
    labels[name] = value.join('=');
  }
  return labels;
}

/** `--filter key=value`. @throws BadRequest in Podman's words */
export function parseFilters(words: readonly string[]): Filters {
  const filters: Filters = {};
  for (const word of words) {
    const [key = '', ...value] = word.split('=');
    // `label!=a` asks for those that do not have it.
    if (value.length === 0)
      throw new BadRequest(`filter input must be in the form of filter=value: ${word} is invalid`);
    filters[key] = [...(filters[key] ?? []), value.join('=')];
  }
  return filters;
}
