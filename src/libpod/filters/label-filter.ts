/**
 * Whether labels fit `--filter label=…`: `key` or `key=value`, the key a shell pattern; all of them must fit
 * (containers/common, pkg/filters).
 */
export function matchesLabels(wanted: readonly string[], labels: Readonly<Record<string, string>>): boolean {
  return wanted.every((one) => {
    const [pattern = '', ...rest] = one.split('=');
    const value = rest.join('=');
    return Object.entries(labels).some(
      ([key, held]) => keyPattern(pattern).test(key) && (rest.length === 0 || value === '' || held === value),
    );
  });
}

function keyPattern(pattern: string): RegExp {
  const escaped = pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('\\*', '.*').replaceAll('\\?', '.')}$`);
}
