/** Names within cobra's distance of what was typed (two edits), or that begin with it. */
export function similarNames(typed: string, names: readonly string[]): string[] {
  return names.filter((name) => distance(typed, name) <= 2 || name.startsWith(typed)).sort();
}

/** Levenshtein's, on two rows. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}
