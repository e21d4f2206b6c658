import type { GroupVersionKind } from '../object.ts';
import type { Resource, Subresource } from '../resource.ts';
import { schemaRef } from '../schema/schema.ts';

/** One query or path parameter, as both document versions write it. */
export interface Parameter {
  name: string;
  type: 'string' | 'integer' | 'boolean';
  description: string;
}

export type Method = 'get' | 'put' | 'post' | 'delete' | 'patch';

/** One operation on a path, before it is written as OpenAPI 2 or 3. */
export interface ApiOperation {
  method: Method;
  /** x-kubernetes-action. */
  action: string;
  operationId: string;
  description: string;
  gvk: GroupVersionKind;
  /** Type of the body; `patch` for a patch. */
  body?: string;
  /** Type of the answer; `list` for the resource's list kind. Undefined for plain text or a connection. */
  answer?: string;
  query: readonly Parameter[];
}

export interface ApiPath {
  path: string;
  pathParameters: readonly Parameter[];
  operations: readonly ApiOperation[];
  resource: Resource;
}

const PRETTY: Parameter = {
  name: 'pretty',
  type: 'string',
  description: 'If true, the output is pretty printed.',
};
const DRY_RUN: Parameter = {
  name: 'dryRun',
  type: 'string',
  description: 'All: run every stage but the storing.',
};
const FIELD_MANAGER: Parameter = {
  name: 'fieldManager',
  type: 'string',
  description: 'Who owns the fields that change.',
};
const FIELD_VALIDATION: Parameter = {
  name: 'fieldValidation',
  type: 'string',
  description: 'What to do about unknown and duplicate fields: Ignore, Warn or Strict.',
};
const WRITE = [DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION];
const FORCE: Parameter = {
  name: 'force',
  type: 'boolean',
  description: 'Take conflicting fields over; apply only.',
};
const DELETE: readonly Parameter[] = [
  DRY_RUN,
  {
    name: 'gracePeriodSeconds',
    type: 'integer',
    description: 'Seconds before the object is deleted; 0 is at once.',
  },
  { name: 'orphanDependents', type: 'boolean', description: 'Deprecated: use propagationPolicy.' },
  { name: 'propagationPolicy', type: 'string', description: 'Orphan, Background or Foreground.' },
];
const LIST: readonly Parameter[] = [
  { name: 'allowWatchBookmarks', type: 'boolean', description: 'Send BOOKMARK events on a watch.' },
  { name: 'continue', type: 'string', description: 'Where the next page of a list begins.' },
  { name: 'fieldSelector', type: 'string', description: 'Restricts the list by fields.' },
  { name: 'labelSelector', type: 'string', description: 'Restricts the list by labels.' },
  { name: 'limit', type: 'integer', description: 'The most items of one page.' },
  { name: 'resourceVersion', type: 'string', description: 'The version to read at, or to watch from.' },
  {
    name: 'resourceVersionMatch',
    type: 'string',
    description: 'How resourceVersion applies: Exact or NotOlderThan.',
  },
  { name: 'sendInitialEvents', type: 'boolean', description: 'Begin a watch with the present state.' },
  { name: 'timeoutSeconds', type: 'integer', description: 'Ends the call after this long.' },
  { name: 'watch', type: 'boolean', description: 'Stream changes instead of a list.' },
];
const NAME: Parameter = { name: 'name', type: 'string', description: 'Name of the object.' };
const NAMESPACE: Parameter = { name: 'namespace', type: 'string', description: 'Namespace of the object.' };

/** Every path of a resource and its subresources. */
export function pathsOfResource(resource: Resource): ApiPath[] {
  const { group, version, name, namespaced } = resource;
  const base = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const own = namespaced ? `${base}/namespaces/{namespace}/${name}` : `${base}/${name}`;
  const scope = namespaced ? [NAMESPACE] : [];
  const can = (verb: string) => (resource.verbs as readonly string[]).includes(verb);
  const paths: ApiPath[] = [
    {
      path: own,
      pathParameters: [...scope, PRETTY],
      operations: collectionOperations(resource, can),
      resource,
    },
    {
      path: `${own}/{name}`,
      pathParameters: [NAME, ...scope, PRETTY],
      operations: itemOperations(resource, can),
      resource,
    },
  ];
  for (const sub of resource.subresources) {
    const operations = subresourceOperations(resource, sub);
    paths.push({
      path: `${own}/{name}/${sub.name}`,
      pathParameters: [NAME, ...scope, PRETTY],
      operations,
      resource,
    });
  }
  if (namespaced && can('list')) {
    const operations = [listOperation(resource, 'ForAllNamespaces')];
    paths.push({ path: `${base}/${name}`, pathParameters: [PRETTY], operations, resource });
  }
  return paths.filter((one) => one.operations.length > 0);
}

function collectionOperations(resource: Resource, can: (verb: string) => boolean): ApiOperation[] {
  const { ref } = resource.schema;
  const operations: ApiOperation[] = [];
  if (can('list')) operations.push(listOperation(resource, ''));
  if (can('create'))
    operations.push({
      ...operation(resource, 'post', 'post', 'create'),
      body: ref,
      answer: ref,
      query: WRITE,
    });
  if (can('deletecollection'))
    operations.push({
      ...operation(resource, 'delete', 'deletecollection', 'deleteCollection'),
      body: 'meta/v1.DeleteOptions',
      answer: 'meta/v1.Status',
      query: [...LIST, ...DELETE],
    });
  return operations;
}

function listOperation(resource: Resource, suffix: string): ApiOperation {
  return { ...operation(resource, 'get', 'list', 'list', suffix), answer: 'list', query: LIST };
}

function itemOperations(resource: Resource, can: (verb: string) => boolean): ApiOperation[] {
  const { ref } = resource.schema;
  const operations: ApiOperation[] = [];
  if (can('get')) operations.push({ ...operation(resource, 'get', 'get', 'read'), answer: ref, query: [] });
  if (can('update'))
    operations.push({
      ...operation(resource, 'put', 'put', 'replace'),
      body: ref,
      answer: ref,
      query: WRITE,
    });
  if (can('delete'))
    operations.push({
      ...operation(resource, 'delete', 'delete', 'delete'),
      body: 'meta/v1.DeleteOptions',
      answer: 'meta/v1.Status',
      query: DELETE,
    });
  if (can('patch'))
    operations.push({
      ...operation(resource, 'patch', 'patch', 'patch'),
      body: 'patch',
      answer: ref,
      query: [...WRITE, FORCE],
    });
  return operations;
}

const SUBRESOURCE_VERBS: Readonly<
  Record<string, { method: Method; verb: string; query: readonly Parameter[] }>
> = {
  get: { method: 'get', verb: 'read', query: [] },
  update: { method: 'put', verb: 'replace', query: WRITE },
  patch: { method: 'patch', verb: 'patch', query: [...WRITE, FORCE] },
  create: { method: 'post', verb: 'create', query: WRITE },
};
/** Subresources that answer with a stream or text: nothing of a schema to say. */
const STREAMS = new Set(['log', 'exec', 'attach', 'portforward', 'proxy']);

function subresourceOperations(resource: Resource, sub: Subresource): ApiOperation[] {
  const stream = STREAMS.has(sub.name);
  const gvk = sub.kind ?? { group: resource.group, version: resource.version, kind: resource.kind };
  const ref = stream ? undefined : (schemaRef(gvk) ?? resource.schema.ref);
  const suffix = sub.name.charAt(0).toUpperCase() + sub.name.slice(1);
  return sub.verbs.flatMap((name) => {
    const known = SUBRESOURCE_VERBS[name];
    if (known === undefined) return [];
    const { method, verb, query } = known;
    const action = stream && sub.name !== 'log' ? 'connect' : method;
    const base = operation(
      resource,
      method,
      action,
      stream && action === 'connect' ? `connect${method.toUpperCase()}` : verb,
      suffix,
    );
    const body = method === 'get' || ref === undefined ? {} : { body: method === 'patch' ? 'patch' : ref };
    return [{ ...base, gvk, ...body, ...(ref !== undefined && { answer: ref }), query: stream ? [] : query }];
  });
}

function operation(
  resource: Resource,
  method: Method,
  action: string,
  verb: string,
  suffix = '',
): Pick<ApiOperation, 'method' | 'action' | 'operationId' | 'description' | 'gvk'> {
  const { group, version, kind, namespaced } = resource;
  const title = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
  const where =
    group === ''
      ? 'Core'
      : group
          .replace(/\.k8s\.io$/, '')
          .split('.')
          .map(title)
          .join('');
  const scope = namespaced && suffix !== 'ForAllNamespaces' ? 'Namespaced' : '';
  return {
    method,
    action,
    operationId: `${verb}${where}${title(version)}${scope}${kind}${suffix}`,
    description: `${verb} ${suffix === '' || suffix === 'ForAllNamespaces' ? '' : `${suffix.toLowerCase()} of `}${kind}`,
    gvk: { group, version, kind },
  };
}
