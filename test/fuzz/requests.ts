import fc from 'fast-check';
import { stringify } from 'yaml';
import {
  encodeProtobufEnvelope,
  protobufType,
  sharedProtobufMessage,
} from '../../src/apiserver/encoding/protobuf-encoder.ts';
import type { ApiRequest } from '../../src/apiserver/index.ts';
import { builtinResources, type Resource } from '../../src/kube/index.ts';
import { samples } from '../../src/kube/resources/samples.test-data.ts';
import { damage, damaged, mutated, mutation, ODD_KEYS, oddValue } from './mutations.ts';
import { anySchema, expression, mutations, servedSchema } from './schemas.ts';

export type Sent = Pick<ApiRequest, 'method' | 'path' | 'headers' | 'body'> & { query?: string };

/** Those that are stored and of which there is an example. */
const KINDS = builtinResources.filter(
  ({ group, name, verbs }) => verbs.includes('create') && samples[`${group}/${name}`] !== undefined,
);

export function collectionPath({ group, version, name, namespaced }: Resource): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return `${root}${namespaced ? '/namespaces/default' : ''}/${name}`;
}

const kind = fc.constantFrom(...KINDS);
const sampleOf = (resource: Resource) => {
  const sample = structuredClone(samples[`${resource.group}/${resource.name}`]!) as object & {
    metadata: { name: string };
  };
  const apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
  return { ...sample, apiVersion };
};

/** Query options, of which most are wrong. */
const query = fc
  .array(
    fc.tuple(
      fc.constantFrom(
        ...['labelSelector', 'fieldSelector', 'limit', 'continue', 'resourceVersion', 'resourceVersionMatch'],
        ...[
          'timeoutSeconds',
          'sendInitialEvents',
          'allowWatchBookmarks',
          'dryRun',
          'fieldManager',
          'fieldValidation',
        ],
        ...[
          'force',
          'pretty',
          'propagationPolicy',
          'gracePeriodSeconds',
          'orphanDependents',
          'includeObject',
          'x',
        ],
      ),
      fc.oneof(
        fc.constantFrom(
          ...[
            '',
            '0',
            '1',
            '-1',
            'true',
            'All',
            'Strict',
            'Exact',
            'NotOlderThan',
            'Background',
            '1e9',
            '9'.repeat(30),
          ],
          ...[
            'a=b,c in (d,e),!f',
            'a in ('.repeat(50),
            '!'.repeat(500),
            'a>1,b<2',
            'a==',
            '=',
            ',',
            'a notin ()',
          ],
          ...[
            'metadata.name=x',
            'metadata.namespace!=y,status.phase=',
            'spec.nodeName=\\',
            'a\\,b=c',
            '%',
            '\u0000',
          ],
          Buffer.from('{"v":"meta.k8s.io/v1","rv":5,"start":"x\\u0000"}').toString('base64url'),
          Buffer.from('{"v":"meta.k8s.io/v1","rv":1e300,"start":{}}').toString('base64url'),
        ),
        fc.string({ maxLength: 30, unit: 'binary' }),
      ),
    ),
    { maxLength: 4 },
  )
  .map((pairs) => pairs.map(([name, value]) => `${name}=${escaped(value)}`).join('&'));

function escaped(value: string): string {
  return encodeURIComponent(value.toWellFormed());
}

const anyAccept = fc.constantFrom(
  ...[
    'application/json',
    'application/yaml',
    'application/vnd.kubernetes.protobuf',
    '*/*',
    '',
    'text/html',
    ';;;',
    'a',
  ],
  'application/json;as=Table;g=meta.k8s.io;v=v1',
  'application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json',
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
  'application/json;q=x,application/cbor;q=1e999,*/*;q=-1',
);
const accept = fc.oneof(
  { weight: 4, arbitrary: fc.constant('application/json') },
  { weight: 1, arbitrary: anyAccept },
);
const PATCHES = [
  'merge-patch+json',
  'strategic-merge-patch+json',
  'apply-patch+yaml',
  'json-patch+json',
] as const;

/** What would stand in the way of all that comes after it is only tried. */
const tried = ({ group }: Resource, query: string) =>
  group === 'admissionregistration.k8s.io' ? `dryRun=All&${query}` : query;

const json = (value: unknown) => Buffer.from(JSON.stringify(value) ?? 'null');

/** An object of a built-in kind with something wrong, created or put in whatever form. */
const written: fc.Arbitrary<Sent> = fc
  .record({
    resource: kind,
    how: mutations,
    form: fc.constantFrom('json', 'json', 'yaml', 'protobuf'),
    harm: fc.oneof(
      { weight: 3, arbitrary: fc.constant({ do: 'none' as const, at: 0, byte: 0 }) },
      { arbitrary: damage, weight: 1 },
    ),
    verb: fc.constantFrom('POST' as const, 'POST' as const, 'PUT' as const),
    status: fc.boolean(),
    query,
    accept,
  })
  .map(({ resource, how, form, harm, verb, status, ...rest }) => {
    const sample = sampleOf(resource);
    const object = how.reduce(mutated, sample as unknown);
    const path = collectionPath(resource);
    const at = verb === 'POST' ? path : `${path}/${sample.metadata.name}${status ? '/status' : ''}`;
    const type = form === 'protobuf' ? 'vnd.kubernetes.protobuf' : form;
    return {
      method: verb,
      path: at,
      query: tried(resource, rest.query),
      headers: { 'content-type': `application/${type}`, accept: rest.accept },
      body: damaged(encoded(object, form, sample), harm),
    };
  });

function encoded(object: unknown, form: string, sample: object): Uint8Array {
  if (form === 'json') return json(object);
  if (form === 'yaml') return Buffer.from(yamlOf(object));
  const ref = protobufType(sample as { apiVersion: string; kind: string });
  if (ref === undefined) return json(object);
  return encodeProtobufEnvelope(sample, sharedProtobufMessage(ref, sample));
}

/** Some keys and numbers cannot be written by the library: then JSON, which is YAML too. */
function yamlOf(object: unknown): string {
  try {
    return stringify(object, { aliasDuplicateObjects: false });
  } catch {
    return JSON.stringify(object);
  }
}

const operation = fc.record({
  op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'x'),
  path: fc.oneof(
    fc.constantFrom(
      '',
      '/',
      '/metadata/labels',
      '/metadata',
      '/spec',
      '/metadata/name',
      '/-',
      '/a~2',
      '/data/-',
    ),
    fc.constantFrom(...ODD_KEYS).map((key) => `/metadata/${key}/polluted`),
    fc.array(fc.nat(3), { maxLength: 4 }).map((steps) => `/spec/${steps.join('/')}`),
  ),
  from: fc.constantFrom('', '/metadata', '/spec', '/__proto__', '/metadata/name'),
  value: oddValue,
});

const patched: fc.Arbitrary<Sent> = fc
  .record({
    resource: kind,
    how: fc.array(mutation, { minLength: 1, maxLength: 3 }),
    type: fc.constantFrom(...PATCHES),
    operations: fc.array(operation, { maxLength: 5 }),
    subresource: fc.constantFrom('', '', '/status', '/scale', '/ephemeralcontainers', '/resize', '/approval'),
    query,
    accept,
    harm: fc.oneof(
      { weight: 5, arbitrary: fc.constant({ do: 'none' as const, at: 0, byte: 0 }) },
      { arbitrary: damage, weight: 1 },
    ),
  })
  .map(({ resource, how, type, operations, subresource, harm, ...rest }) => {
    const sample = sampleOf(resource);
    const object = how.reduce(mutated, sample as unknown);
    return {
      method: 'PATCH' as const,
      path: `${collectionPath(resource)}/${sample.metadata.name}${subresource}`,
      query: tried(
        resource,
        type === 'apply-patch+yaml' ? `fieldManager=f&force=true&${rest.query}` : rest.query,
      ),
      headers: { 'content-type': `application/${type}`, accept: rest.accept },
      body: damaged(json(type === 'json-patch+json' ? operations : object), harm),
    };
  });

function distinct(one: unknown, i: number): unknown {
  if (typeof one !== 'object' || one === null || Array.isArray(one)) return `x${i}`;
  return Object.fromEntries(Object.keys(one).map((key) => [key, `x${i}`]));
}

/** As many of something as a request can hold. */
const bulky: fc.Arbitrary<Sent> = fc
  .record({
    resource: kind,
    path: fc.array(fc.nat(1000), { minLength: 1, maxLength: 9 }),
    one: fc.constantFrom<unknown>({}, 'x', 1, [], { name: 'x' }, { key: 'a' }),
    form: fc.constantFrom('list', 'distinct', 'distinct', 'map', 'text'),
    verb: fc.constantFrom('POST', ...PATCHES),
  })
  .map(({ resource, path, one, form, verb }) => {
    const sample = sampleOf(resource);
    const count = Math.floor(2_000_000 / (JSON.stringify(one).length + (form === 'map' ? 10 : 1)));
    let value: unknown = 'a'.repeat(2_000_000);
    if (form === 'list') value = Array(count).fill(one);
    if (form === 'distinct') value = Array.from({ length: 100_000 }, (_, i) => distinct(one, i));
    if (form === 'map') value = Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, one]));
    const object = mutated(sample, { path, do: 'replace', key: '', value });
    const at = collectionPath(resource);
    if (verb === 'POST')
      return {
        method: 'POST' as const,
        path: at,
        headers: { 'content-type': 'application/json' },
        body: json(object),
      };
    return {
      method: 'PATCH' as const,
      path: `${at}/${sample.metadata.name}`,
      query: 'fieldManager=f',
      headers: { 'content-type': `application/${verb}` },
      body: json(object),
    };
  });

/** managedFields that no server wrote. */
const managed: fc.Arbitrary<Sent> = fc
  .record({
    resource: kind,
    fields: fc.oneof(
      oddValue,
      fc.dictionary(
        fc.constantFrom(
          'f:metadata',
          'f:spec',
          '.',
          'k:{"name":"a"}',
          'k:{',
          'v:1',
          'i:0',
          'i:x',
          ...ODD_KEYS,
        ),
        oddValue,
      ),
    ),
    entry: oddValue,
  })
  .map(({ resource, fields, entry }) => {
    const sample = sampleOf(resource);
    const own = {
      manager: 'm',
      operation: 'Apply',
      apiVersion: 'v1',
      fieldsType: 'FieldsV1',
      fieldsV1: fields,
    };
    const metadata = { ...sample.metadata, managedFields: [own, entry] };
    return {
      method: 'PUT' as const,
      path: `${collectionPath(resource)}/${sample.metadata.name}`,
      headers: { 'content-type': 'application/json' },
      body: json({ ...sample, metadata }),
    };
  });

const read: fc.Arbitrary<Sent> = fc
  .record({
    resource: kind,
    method: fc.constantFrom('GET' as const, 'GET' as const, 'GET' as const, 'DELETE' as const),
    rest: fc.oneof(
      fc.constantFrom(
        '',
        '',
        '',
        '/x',
        '/x/status',
        '/x/log',
        '/x/proxy',
        '/%2e%2e',
        '/%',
        '/%00',
        '//',
        '/x/scale',
      ),
      fc.string({ maxLength: 20, unit: 'binary' }).map((text) => `/${escaped(text)}`),
    ),
    watch: fc.boolean(),
    query,
    accept,
  })
  .map(({ resource, method, rest, watch, ...more }) => ({
    method,
    path: `${collectionPath(resource)}${rest}`,
    query: watch && method === 'GET' ? `watch=1&${more.query}` : more.query,
    headers: { accept: more.accept },
  }));

const anywhere: fc.Arbitrary<Sent> = fc
  .record({
    path: fc
      .array(
        fc.oneof(
          fc.constantFrom(
            'api',
            'apis',
            'v1',
            'apps',
            'pods',
            'namespaces',
            'default',
            'openapi',
            'v2',
            'v3',
            'watch',
          ),
          fc.constantFrom(
            'clusters',
            'root',
            '*',
            '..',
            '%2f',
            '%zz',
            'metrics',
            'livez',
            'version',
            ...ODD_KEYS.map(escaped),
          ),
        ),
        { maxLength: 7 },
      )
      .map((parts) => `/${parts.join('/')}`),
    method: fc.constantFrom(
      'GET' as const,
      'POST' as const,
      'PUT' as const,
      'PATCH' as const,
      'DELETE' as const,
    ),
    query,
    accept,
    type: fc.constantFrom('application/json', 'x', '', 'application/merge-patch+json;charset=x'),
    body: fc.oneof(fc.constant('{}'), fc.string({ maxLength: 50, unit: 'binary' }), fc.json()),
    impersonate: fc.constantFrom('', 'x', '__proto__', 'system:serviceaccount:a', '\u0001'),
  })
  .map(({ path, method, body, impersonate, type, ...rest }) => ({
    method,
    path,
    query: rest.query,
    headers: {
      accept: rest.accept,
      'content-type': type,
      ...(impersonate !== '' && { 'impersonate-user': impersonate, 'impersonate-extra-__proto__': 'x' }),
    },
    ...(method !== 'GET' && { body: Buffer.from(body) }),
  }));

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
export const FUZZ_GROUP = 'fuzz.example.com';

function definition(plural: string, schema: unknown, more: object = {}): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${FUZZ_GROUP}` },
    spec: {
      group: FUZZ_GROUP,
      scope: 'Namespaced',
      names: {
        plural,
        singular: plural,
        kind: plural[0]!.toUpperCase() + plural.slice(1),
        listKind: `${plural}List`,
      },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema }, ...more }],
    },
  };
}

const defined: fc.Arbitrary<Sent> = fc
  .record({ schema: fc.oneof(anySchema, anySchema, servedSchema), how: mutations, columns: oddValue })
  .map(({ schema, how, columns }) => ({
    method: 'POST' as const,
    path: CRDS,
    query: 'dryRun=All',
    headers: { 'content-type': 'application/json' },
    body: json(
      how.reduce(mutated, definition('tries', schema, { additionalPrinterColumns: [columns] }) as unknown),
    ),
  }));

/** A kind that is served anew with every schema, and instances of whatever shape. */
const redefined: fc.Arbitrary<Sent> = servedSchema.map((schema) => ({
  method: 'PATCH' as const,
  path: `${CRDS}/things.${FUZZ_GROUP}`,
  headers: { 'content-type': 'application/merge-patch+json' },
  body: json({ spec: (definition('things', schema) as { spec: object }).spec }),
}));
const THINGS = `/apis/${FUZZ_GROUP}/v1/namespaces/default/things`;
const instance: fc.Arbitrary<Sent> = fc
  .record({
    spec: fc.oneof(fc.jsonValue({ maxDepth: 4 }), oddValue),
    a: oddValue,
    key: fc.constantFrom(...ODD_KEYS),
    verb: fc.constantFrom('POST', 'apply-patch+yaml', 'merge-patch+json'),
  })
  .map(({ spec, a, key, verb }) => {
    const object = { apiVersion: `${FUZZ_GROUP}/v1`, kind: 'Things', metadata: { name: 'x' }, spec, a };
    Object.defineProperty(object, key, { value: a, enumerable: true });
    if (verb === 'POST')
      return {
        method: 'POST' as const,
        path: THINGS,
        headers: { 'content-type': 'application/json' },
        body: json(object),
      };
    return {
      method: 'PATCH' as const,
      path: `${THINGS}/x`,
      query: 'fieldManager=f',
      headers: { 'content-type': `application/${verb}` },
      body: json(object),
    };
  });

const policy: fc.Arbitrary<Sent> = fc
  .record({ first: expression, second: expression, message: expression, how: mutations })
  .map(({ first, second, message, how }) => {
    const object = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: 'p' },
      spec: {
        matchConstraints: {
          resourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*'] }],
        },
        variables: [{ name: 'x', expression: first }],
        validations: [{ expression: second, messageExpression: message }],
        matchConditions: [{ name: 'c', expression: first }],
      },
    };
    return {
      method: 'POST' as const,
      path: '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
      query: 'dryRun=All',
      headers: { 'content-type': 'application/json' },
      body: json(how.reduce(mutated, object as unknown)),
    };
  });

/** What an attacker with every right may send. */
export const request: fc.Arbitrary<Sent> = fc.oneof(
  { weight: 5, arbitrary: written },
  { weight: 5, arbitrary: patched },
  { weight: 1, arbitrary: managed },
  { weight: 4, arbitrary: read },
  { weight: 2, arbitrary: anywhere },
  { weight: 2, arbitrary: defined },
  { weight: 1, arbitrary: redefined },
  { weight: 2, arbitrary: instance },
  { weight: 1, arbitrary: policy },
);

/** What takes a server long to read, before it is refused. */
export const bulkyRequest = bulky;

/** What is there before the first request: an example of each kind, and the kind that is redefined. */
export function furniture(): Sent[] {
  const headers = { 'content-type': 'application/json' };
  return [
    ...KINDS.map((resource) => ({
      method: 'POST' as const,
      path: collectionPath(resource),
      query: tried(resource, ''),
      headers,
      body: json(sampleOf(resource)),
    })),
    { method: 'POST', path: CRDS, headers, body: json(definition('things', { type: 'object' })) },
  ];
}
