/** One line of CSV (RFC 4180), as flags of Docker and Podman are read: `a,"b,c"`. */
export function readCsv(line: string): string[] {
  const fields: string[] = [];
  for (const match of line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g))
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
  return fields;
}
