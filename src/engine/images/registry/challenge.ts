/** One challenge of a WWW-Authenticate header (RFC 9110, section 11.6.1). */
export interface Challenge {
  /** Lower case: `basic`, `bearer`. */
  scheme: string;
  parameters: Record<string, string>;
}

/** What is malformed ends the list: no challenge after it can be told apart. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  let rest = header.trim();
  for (;;) {
    const [head, scheme] = /^([A-Za-z][\w-]*)(?:\s+|$)/.exec(rest) ?? [];
    if (head === undefined) return challenges;
    const challenge: Challenge = { scheme: scheme!.toLowerCase(), parameters: {} };
    challenges.push(challenge);
    rest = rest.slice(head.length);
    for (;;) {
      const [pair, key, quoted, plain] =
        /^,?\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*/.exec(rest) ?? [];
      if (pair === undefined) break;
      challenge.parameters[key!.toLowerCase()] = quoted?.replace(/\\(.)/g, '$1') ?? plain!;
      rest = rest.slice(pair.length);
    }
    rest = rest.replace(/^,\s*/, '');
  }
}
