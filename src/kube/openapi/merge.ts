type Json = Record<string, unknown>;

/** What another server says of its own: an OpenAPI 2 document, of which the paths below `prefix` count. */
export interface RemoteSpec {
  /** `/apis/<group>/<version>` */
  prefix: string;
  document: object;
}

const DEFINITIONS = '#/definitions/';

/**
 * One OpenAPI 2 document out of ours and those of other servers: of each the paths of its group version, and the
 * definitions they reach. A definition of a name that stands for something else here already gets another: `name_v2`.
 *
 * Source: k8s.io/kube-openapi/pkg/aggregator MergeSpecsIgnorePathConflictRenamingDefinitionsAndParameters.
 */
export function mergeOpenApiV2(local: object, remotes: readonly RemoteSpec[]): object {
  if (remotes.length === 0) return local;
  const merged = { ...(local as Json) };
  const paths: Json = { ...(merged.paths as Json) };
  const definitions: Json = { ...(merged.definitions as Json) };
  for (const { prefix, document } of remotes) {
    const theirs = document as { paths?: Json; definitions?: Json };
    const own = Object.entries(theirs.paths ?? {}).filter(
      ([path]) => path === prefix || path.startsWith(`${prefix}/`),
    );
    const known = theirs.definitions ?? {};
    const used = reachedFrom(
      own.map(([, item]) => item),
      known,
    );
    addRoots(used, prefix, known);
    const names = chooseNames(used, known, definitions);
    for (const [path, item] of own) if (!(path in paths)) paths[path] = renamed(item, names);
    for (const name of used) definitions[names.get(name) ?? name] ??= renamed(known[name], names);
  }
  return { ...merged, paths: sorted(paths), definitions: sorted(definitions) };
}

/** Kinds of the group version that no path names are looked up by kubectl explain all the same. */
function addRoots(used: Set<string>, prefix: string, definitions: Readonly<Json>): void {
  const [group, version] = prefix.split('/').slice(2);
  for (const [name, definition] of Object.entries(definitions)) {
    const kinds = (definition as Json)['x-kubernetes-group-version-kind'];
    const isOwn =
      Array.isArray(kinds) && kinds.length === 1 && kinds[0].group === group && kinds[0].version === version;
    if (isOwn && !used.has(name))
      for (const one of [name, ...reachedFrom([definition], definitions)]) used.add(one);
  }
}

function reachedFrom(roots: readonly unknown[], definitions: Readonly<Json>): Set<string> {
  const reached = new Set<string>();
  const waiting = [...roots];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop())
    for (const name of refsOf(next))
      if (name in definitions && !reached.has(name)) {
        reached.add(name);
        waiting.push(definitions[name]);
      }
  return reached;
}

function refsOf(value: unknown, found: string[] = []): string[] {
  if (Array.isArray(value)) for (const one of value) refsOf(one, found);
  else if (typeof value === 'object' && value !== null)
    for (const [key, one] of Object.entries(value))
      if (key === '$ref' && typeof one === 'string' && one.startsWith(DEFINITIONS))
        found.push(one.slice(DEFINITIONS.length));
      else refsOf(one, found);
  return found;
}

/** Another name for each definition whose name is taken by one that says something else. */
function chooseNames(
  used: ReadonlySet<string>,
  theirs: Readonly<Json>,
  ours: Readonly<Json>,
): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const name of used) {
    let chosen = name;
    for (let number = 2; chosen in ours && !isSame(ours[chosen], theirs[name]); number++)
      chosen = `${name}_v${number}`;
    if (chosen !== name) names.set(name, chosen);
  }
  return names;
}

/** Kinds everybody has (DeleteOptions, WatchEvent) name every group they are used in: that is no difference. */
function isSame(a: unknown, b: unknown): boolean {
  return comparable(a) === comparable(b);
}

function comparable(value: unknown): string {
  return JSON.stringify(value, (key, one: unknown) => {
    if (key === 'x-kubernetes-group-version-kind' || key === 'description') return undefined;
    if (typeof one !== 'object' || one === null || Array.isArray(one)) return one;
    return sorted(one as Json);
  });
}

function renamed(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (names.size === 0) return value;
  if (Array.isArray(value)) return value.map((one) => renamed(one, names));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => {
      const name = key === '$ref' && typeof one === 'string' ? one.slice(DEFINITIONS.length) : '';
      const other = names.get(name);
      return [key, other === undefined ? renamed(one, names) : `${DEFINITIONS}${other}`];
    }),
  );
}

function sorted(map: Json): Json {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}
