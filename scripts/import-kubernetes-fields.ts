/**
 * Turns the table of facts about the Kubernetes API types into the form the project carries:
 *
 *   src/kube/schema/fields.generated.json   what the program reads: one entry a type, one a field
 *   src/kube/types/<group>-<version>.generated.ts   what the compiler reads: one interface a type
 *
 * Run by hand when the facts change: `node scripts/import-kubernetes-fields.ts FACTS.json`.
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface FactField {
  go: string;
  number?: number;
  optional?: boolean;
  inline?: boolean;
  listType?: string;
  listMapKeys?: string[];
  mapType?: string;
  patchStrategy?: string;
  patchMergeKey?: string;
  default?: string;
}
interface Facts {
  types: Record<string, { fields: Record<string, FactField> }>;
  named: Record<string, string>;
  values: Record<string, string[]>;
}

/** One field in fields.generated.json; see src/kube/schema/fields.ts for the meaning of each letter. */
interface Field {
  t: string;
  c?: 'list' | 'map';
  n?: number;
  req?: 1;
  inl?: 1;
  ptr?: 1;
  lt?: string;
  lk?: string[];
  mt?: string;
  ps?: string;
  pk?: string;
  d?: unknown;
  ev?: string;
}

const path = process.argv[2];
if (path === undefined) throw new Error('usage: node scripts/import-kubernetes-fields.ts FACTS.json');
const facts = JSON.parse(readFileSync(path, 'utf8')) as Facts;

const SCALARS: Record<string, string> = {
  string: 'string',
  bool: 'bool',
  int: 'int64',
  int32: 'int32',
  int64: 'int64',
  uint32: 'int64',
  uint8: 'int32',
  float64: 'float64',
  float32: 'float64',
  'resource.Quantity': 'quantity',
  'intstr.IntOrString': 'intorstring',
  'types.UID': 'string',
  'types.NodeName': 'string',
  'runtime.RawExtension': 'raw',
  'metav1.Time': 'time',
  'metav1.MicroTime': 'microtime',
  'metav1.Duration': 'duration',
  'runtime.Object': 'raw',
  any: 'raw',
  'interface{}': 'raw',
};
const ALIASES: Record<string, string> = {
  metav1: 'meta/v1',
  v1: 'core/v1',
  corev1: 'core/v1',
  authenticationv1: 'authentication/v1',
  apiextensionsv1: 'apiextensions/v1',
};

function resolve(go: string, owner: string): { t: string; ev?: string } {
  if (SCALARS[go] !== undefined) return { t: SCALARS[go]! };
  const dot = go.indexOf('.');
  const group = dot >= 0 ? (ALIASES[go.slice(0, dot)] ?? '?' + go.slice(0, dot)) : owner;
  const name = dot >= 0 ? go.slice(dot + 1) : go;
  const key =
    [group, owner, 'meta/v1', 'core/v1', owner.replace(/\/.*/, '/v1')]
      .map((g) => `${g}.${name}`)
      .find((k) => facts.types[k] !== undefined || facts.named[k] !== undefined) ?? `${group}.${name}`;
  if (group === 'meta/v1' && (name === 'Time' || name === 'MicroTime' || name === 'Duration'))
    return { t: name.toLowerCase() };
  const named = facts.named[key];
  if (named !== undefined) {
    const under = parse(named, group);
    if (under.c !== undefined) return { t: `alias:${key}` };
    return facts.values[key] === undefined ? { t: under.t } : { t: under.t, ev: key };
  }
  if (facts.types[key] !== undefined) return { t: key };
  if (name === 'JSON' || name === 'RawExtension' || name === 'FieldsV1') return { t: 'raw' };
  return { t: `unknown:${key}` };
}

function parse(go: string, owner: string): { t: string; c?: 'list' | 'map'; ptr?: 1; ev?: string } {
  let rest = go;
  let ptr: 1 | undefined;
  if (rest.startsWith('*')) {
    ptr = 1;
    rest = rest.slice(1);
  }
  if (rest === '[]byte') return { t: 'bytes', ...(ptr && { ptr }) };
  if (rest.startsWith('[]')) return { ...resolve(rest.slice(2).replace(/^\*/, ''), owner), c: 'list' };
  const map = /^map\[[^\]]+\](.*)$/.exec(rest);
  if (map !== null) {
    const value = map[1]!;
    if (value === '[]byte') return { t: 'bytes', c: 'map' };
    return { ...resolve(value.replace(/^\*/, ''), owner), c: 'map' };
  }
  const got = resolve(rest, owner);
  if (got.t.startsWith('alias:')) {
    const key = got.t.slice(6);
    return parse(facts.named[key]!, key.slice(0, key.lastIndexOf('.')));
  }
  return { ...got, ...(ptr && { ptr }) };
}

/** A default is JSON, or `ref(Constant)`; the constants referred to are all named by their value plus a prefix. */
function defaultValue(text: string): unknown {
  const ref = /^ref\((?:.*\.)?(\w+)\)$/.exec(text);
  return ref === null ? JSON.parse(text) : CONSTANTS[ref[1]!];
}
const CONSTANTS: Record<string, string> = {
  AzureDataDiskCachingReadWrite: 'ReadWrite',
  AzureSharedBlobDisk: 'Shared',
};

const types: Record<string, Record<string, Field>> = {};
const unknown = new Set<string>();
/** Written as one JSON scalar, so they are field kinds, not types. */
const SCALAR_TYPES = new Set(['meta/v1.Time', 'meta/v1.MicroTime', 'meta/v1.Duration']);
for (const [key, type] of Object.entries(facts.types)) {
  if (SCALAR_TYPES.has(key)) continue;
  const owner = key.slice(0, key.lastIndexOf('.'));
  const fields: Record<string, Field> = {};
  for (const [name, f] of Object.entries(type.fields)) {
    if (f.inline && /TypeMeta$/.test(f.go)) {
      fields.apiVersion = { t: 'string' };
      fields.kind = { t: 'string' };
      continue;
    }
    const p = parse(f.go, owner);
    if (p.t.startsWith('unknown:') || p.t.startsWith('alias:')) unknown.add(`${key}.${name}: ${f.go}`);
    const field: Field = { t: p.t.replace(/^(unknown|alias):.*/, 'raw') };
    if (p.c) field.c = p.c;
    if (f.number !== undefined) field.n = f.number;
    if (!f.optional && !f.inline) field.req = 1;
    if (f.inline) field.inl = 1;
    if (p.ptr) field.ptr = 1;
    if (f.listType) field.lt = f.listType;
    if (f.listMapKeys) field.lk = f.listMapKeys;
    if (f.mapType) field.mt = f.mapType;
    if (f.patchStrategy) field.ps = f.patchStrategy;
    if (f.patchMergeKey) field.pk = f.patchMergeKey;
    if (f.default !== undefined) field.d = defaultValue(f.default);
    if (p.ev) field.ev = p.ev;
    fields[name] = field;
  }
  types[key] = fields;
}
const enums: Record<string, string[]> = {};
for (const fields of Object.values(types))
  for (const f of Object.values(fields)) if (f.ev) enums[f.ev] = facts.values[f.ev]!;
writeFileSync('src/kube/schema/fields.generated.json', JSON.stringify({ types, enums }) + '\n');

// ---- TypeScript interfaces ----
const TS: Record<string, string> = {
  string: 'string',
  bool: 'boolean',
  int32: 'number',
  int64: 'number',
  float64: 'number',
  bytes: 'string',
  quantity: 'string | number',
  intorstring: 'number | string',
  time: 'string',
  microtime: 'string',
  duration: 'string',
  raw: 'unknown',
};
/** Always there on an object read from the server; the client's Draft type makes them optional again. */
const PRESENT = new Set(['name', 'uid', 'resourceVersion', 'creationTimestamp']);
const groups = new Map<string, string[]>();
for (const key of Object.keys(types)) {
  const group = key.slice(0, key.lastIndexOf('.'));
  groups.set(group, [...(groups.get(group) ?? []), key]);
}
const alias = (group: string) => group.replace(/[^a-z0-9]/gi, '');
const index: string[] = [];
for (const [group, keys] of groups) {
  const imports = new Set<string>();
  const body: string[] = [];
  for (const key of keys) {
    const lines: string[] = [];
    const bases: string[] = [];
    for (const [name, f] of Object.entries(types[key]!)) {
      let ts: string;
      if (f.t.includes('/')) {
        const g = f.t.slice(0, f.t.lastIndexOf('.'));
        const n = f.t.slice(f.t.lastIndexOf('.') + 1);
        if (g !== group) imports.add(g);
        ts = g === group ? n : `${alias(g)}.${n}`;
      } else if (f.ev && enums[f.ev]!.length > 0 && f.t === 'string') ts = 'string';
      else ts = TS[f.t]!;
      if (f.inl) {
        if (ts !== 'unknown') bases.push(ts);
        continue;
      }
      if (f.c === 'list') ts = ts.includes(' ') ? `(${ts})[]` : `${ts}[]`;
      if (f.c === 'map') ts = `Record<string, ${ts}>`;
      const isMeta = key === 'meta/v1.ObjectMeta';
      const top = name === 'metadata' || (name === 'spec' && f.t.includes('/') && !f.ptr);
      const required = isMeta ? PRESENT.has(name) : f.req === 1 || top;
      lines.push(`  ${/^[a-zA-Z_$][\w$]*$/.test(name) ? name : `'${name}'`}${required ? '' : '?'}: ${ts};`);
    }
    body.push(
      `export interface ${key.slice(key.lastIndexOf('.') + 1)}${bases.length ? ` extends ${bases.join(', ')}` : ''} {\n${lines.join('\n')}\n}\n`,
    );
  }
  const file = group.replace('/', '-');
  const head = ['// Generated by scripts/import-kubernetes-fields.ts. Do not edit.'];
  for (const g of [...imports].sort())
    head.push(`import type * as ${alias(g)} from './${g.replace('/', '-')}.generated.ts';`);
  writeFileSync(`src/kube/types/${file}.generated.ts`, head.join('\n') + '\n\n' + body.join('\n'));
  index.push(`export type * as ${alias(group)} from './${file}.generated.ts';`);
}
writeFileSync(
  'src/kube/types/index.generated.ts',
  '// Generated by scripts/import-kubernetes-fields.ts. Do not edit.\n' + index.sort().join('\n') + '\n',
);
if (unknown.size > 0) process.stdout.write(`kept as raw:\n  ${[...unknown].join('\n  ')}\n`);
