/** Things with names that usage lines speak of. */
const KINDS = ['CONTAINER', 'IMAGE', 'POD', 'NETWORK', 'VOLUME', 'SECRET', 'REGISTRY'];
const FILES = /PATH|CONTEXT|FILE|COMMAND|ARG|URI|KUBEFILE/;

/**
 * What the argument at a place may be, by the usage line: `[options] CONTAINER [COMMAND [ARG...]]`.
 * @returns undefined when there is no such argument
 */
export function usageArguments(
  usage: string,
  index: number,
): { kinds: string[]; isFile: boolean } | undefined {
  const words = usage.split(/\s+/).filter((word) => word !== '' && word !== '[options]');
  const isRepeated = words.at(-1)?.includes('...') ?? false;
  const word = words[index] ?? (isRepeated ? words.at(-1) : undefined);
  if (word === undefined) return undefined;
  // `[…]` alone repeats what stands before it.
  const shown = /[A-Z]/.test(word) ? word : (words.at(-2) ?? '');
  const kinds = KINDS.filter((kind) => new RegExp(`\\b${kind}`).test(shown));
  return { kinds, isFile: kinds.length === 0 && FILES.test(shown) };
}
