import type { Resource } from '../resource.ts';
import { hasType } from '../schema/fields.ts';
import { schemaRef } from '../schema/schema.ts';
import {
  Definitions,
  type Descriptions,
  definitionName,
  type JsonSchema,
  type OpenApiVersion,
} from './definitions.ts';
import { type ApiOperation, type ApiPath, type Parameter, pathsOfResource } from './operations.ts';

const JSON_TYPE = 'application/json';
const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
const CUSTOM_PATCH_TYPES = PATCH_TYPES.filter((type) => !type.includes('strategic'));
const PATCH = 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch';
/** What the documents say they describe. */
const INFO = { title: 'Kubernetes', version: 'v1.36.0' };

/**
 * The OpenAPI 3.0 document of one group version, for GET /openapi/v3/apis/<group>/<version>: only the types
 * its resources reach, under upstream's names. Shape: https://kubernetes.io/docs/concepts/overview/kubernetes-api/
 */
export function openApiV3(
  gv: { group: string; version: string },
  resources: readonly Resource[],
  descriptions: Descriptions = {},
): object {
  const own = resources.filter((one) => one.group === gv.group && one.version === gv.version);
  const definitions = new Definitions(3, descriptions);
  const paths = writePaths(own, definitions, 3);
  return {
    openapi: '3.0.0',
    info: INFO,
    paths,
    components: {
      schemas: sortKeys(definitions.schemas),
      securitySchemes: { BearerToken: bearerToken('authorization') },
    },
  };
}

/** The OpenAPI 2 document of all resources, for GET /openapi/v2. */
export function openApiV2(resources: readonly Resource[], descriptions: Descriptions = {}): object {
  const definitions = new Definitions(2, descriptions);
  const paths = writePaths(resources, definitions, 2);
  return {
    swagger: '2.0',
    info: INFO,
    paths,
    definitions: sortKeys(definitions.schemas),
    securityDefinitions: { BearerToken: bearerToken('authorization') },
    security: [{ BearerToken: [] }],
  };
}

function bearerToken(name: string): JsonSchema {
  return { description: 'Bearer Token authentication', type: 'apiKey', name, in: 'header' };
}

function sortKeys(schemas: Record<string, JsonSchema>): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function writePaths(
  resources: readonly Resource[],
  definitions: Definitions,
  version: OpenApiVersion,
): Record<string, JsonSchema> {
  const paths: Record<string, JsonSchema> = {};
  for (const resource of resources) {
    addKinds(resource, definitions);
    for (const path of pathsOfResource(resource)) paths[path.path] = writePath(path, definitions, version);
  }
  return Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The kinds a client may look up: the resource's own, its list, those of its subresources, and meta/v1's. */
function addKinds(resource: Resource, definitions: Definitions): void {
  const { group, version, kind, listKind, schema } = resource;
  definitions.addCustom(schema);
  definitions.addKind(schema.ref, { group, version, kind });
  if (schema.custom !== undefined)
    definitions.addListKind(schema.ref, `${listKind} is a list of ${kind}`, {
      group,
      version,
      kind: listKind,
    });
  const listRef = schemaRef({ group, version, kind: listKind });
  if (listRef !== undefined) definitions.addKind(listRef, { group, version, kind: listKind });
  for (const { kind: other } of resource.subresources) {
    const ref = other === undefined ? undefined : schemaRef(other);
    if (ref !== undefined) definitions.addKind(ref, other!);
  }
  definitions.addKind('meta/v1.DeleteOptions', { group, version, kind: 'DeleteOptions' });
  definitions.addKind('meta/v1.Status', { group: '', version: 'v1', kind: 'Status' });
}

function writePath(path: ApiPath, definitions: Definitions, version: OpenApiVersion): JsonSchema {
  const item: JsonSchema = {};
  for (const operation of path.operations)
    item[operation.method] = writeOperation(operation, path.resource, definitions, version);
  item.parameters = path.pathParameters.map((one) =>
    writeParameter(one, path.path.includes(`{${one.name}}`) ? 'path' : 'query', version),
  );
  return item;
}

function writeParameter(parameter: Parameter, place: 'path' | 'query', version: OpenApiVersion): JsonSchema {
  const { name, type, description } = parameter;
  const head = { name, in: place, description, ...(place === 'path' && { required: true }) };
  return version === 2
    ? { uniqueItems: true, type, ...head }
    : { ...head, schema: { type, uniqueItems: true } };
}

function writeOperation(
  operation: ApiOperation,
  resource: Resource,
  definitions: Definitions,
  version: OpenApiVersion,
): JsonSchema {
  const { operationId, description, action, gvk, query } = operation;
  const { group } = resource;
  const tag = `${group === '' ? 'core' : group.replace(/\.k8s\.io$/, '').replaceAll('.', '_')}_${resource.version}`;
  const head = { description, operationId, tags: [tag] };
  const tail = {
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group: gvk.group, kind: gvk.kind, version: gvk.version },
  };
  const parameters = query.map((one) => writeParameter(one, 'query', version));
  const body = operation.body === undefined ? undefined : bodySchema(operation.body, definitions, version);
  const answer = answerSchema(operation, resource, definitions);
  const patchTypes = resource.schema.custom === undefined ? PATCH_TYPES : CUSTOM_PATCH_TYPES;
  const consumes = operation.body === 'patch' ? patchTypes : [JSON_TYPE];
  const unauthorized = { '401': { description: 'Unauthorized' } };
  const required = operation.body !== 'meta/v1.DeleteOptions';
  if (version === 2) {
    if (body !== undefined)
      parameters.unshift({ name: 'body', in: 'body', ...(required && { required }), schema: body });
    const ok = { description: 'OK', ...(answer !== undefined && { schema: answer }) };
    return {
      ...head,
      consumes: body === undefined ? ['*/*'] : consumes,
      produces: [JSON_TYPE],
      schemes: ['https'],
      ...(parameters.length > 0 && { parameters }),
      responses: { '200': ok, ...unauthorized },
      ...tail,
    };
  }
  const content = (schema: JsonSchema, types: readonly string[]) =>
    Object.fromEntries(types.map((type) => [type, { schema }]));
  const ok = { description: 'OK', ...(answer !== undefined && { content: content(answer, [JSON_TYPE]) }) };
  return {
    ...head,
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: { content: content(body, consumes), ...(required && { required }) },
    }),
    responses: { '200': ok, ...unauthorized },
    ...tail,
  };
}

function bodySchema(body: string, definitions: Definitions, version: OpenApiVersion): JsonSchema {
  if (body !== 'patch') return definitions.ref(body);
  definitions.schemas[PATCH] ??= {
    description: 'Patch is provided to give a concrete name and type to the Kubernetes PATCH request body.',
    type: 'object',
  };
  return { $ref: version === 2 ? `#/definitions/${PATCH}` : `#/components/schemas/${PATCH}` };
}

function answerSchema(
  operation: ApiOperation,
  resource: Resource,
  definitions: Definitions,
): JsonSchema | undefined {
  if (operation.answer === undefined) return undefined;
  if (operation.answer !== 'list') return definitions.ref(operation.answer);
  const { group, version, listKind, kind, schema } = resource;
  const listRef = schemaRef({ group, version, kind: listKind });
  return listRef !== undefined && hasType(listRef)
    ? definitions.ref(listRef)
    : definitions.listOf(schema.ref, `${listKind} is a list of ${kind} objects.`);
}

/** The definition's name of a resource, as `kubectl explain` and client generators know it. */
export function definitionOf(resource: Resource): string {
  return definitionName(resource.schema.ref);
}
