/**
 * Replaces `$(NAME)` by what `lookup` answers. An unknown name stays as it is written, `$$` is a literal `$`.
 * https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#environment-variables
 */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  let result = '';
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (character !== '$' || i + 1 === text.length) {
      result += character;
      continue;
    }
    const next = text[i + 1]!;
    const end = next === '(' ? text.indexOf(')', i + 2) : -1;
    if (next === '$') {
      result += '$';
      i += 1;
    } else if (end !== -1) {
      const name = text.slice(i + 2, end);
      result += lookup(name) ?? `$(${name})`;
      i = end;
    } else {
      result += next === '(' ? '$(' : `$${next}`;
      i += 1;
    }
  }
  return result;
}

/** Names that `expand` would ask for and `known` does not have. `subPathExpr` may have none. */
export function unknownNames(text: string, known: Record<string, string>): string[] {
  const missing: string[] = [];
  expand(text, (name) => {
    if (known[name] === undefined) missing.push(name);
    return known[name];
  });
  return missing;
}
