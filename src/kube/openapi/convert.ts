import type { RemoteSpec } from './merge.ts';

type Json = Record<string, unknown>;

const METHODS = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch']);
const OLD = '#/definitions/';
const NEW = '#/components/schemas/';

/**
 * The OpenAPI 3 document of a group version, out of the OpenAPI 2 document of a server that has no other. Definitions
 * are all kept: which of them the group version needs is not worth finding out.
 *
 * Source: k8s.io/kube-openapi/pkg/openapiconv.
 */
export function openApiV3OfV2({ prefix, document }: RemoteSpec): object {
  const { info, paths = {}, definitions = {} } = document as Record<'info' | 'paths' | 'definitions', Json>;
  const own = Object.entries(paths).filter(([path]) => path === prefix || path.startsWith(`${prefix}/`));
  return {
    openapi: '3.0.0',
    info: info ?? { title: '', version: '' },
    paths: Object.fromEntries(own.map(([path, item]) => [path, pathItem(item as Json)])),
    components: { schemas: relinked(definitions) },
  };
}

function pathItem(item: Json): Json {
  return Object.fromEntries(
    Object.entries(item).map(([key, value]) => {
      if (METHODS.has(key)) return [key, operation(value as Json)];
      return [key, key === 'parameters' ? (value as Json[]).map(parameter) : value];
    }),
  );
}

function operation(old: Json): Json {
  const { consumes, produces, schemes: _none, parameters = [], responses = {}, ...rest } = old;
  const all = parameters as Json[];
  const body = all.find((one) => one.in === 'body');
  const others = all.filter((one) => one.in !== 'body').map(parameter);
  const { description, required } = body ?? {};
  return {
    ...rest,
    ...(others.length > 0 && { parameters: others }),
    ...(body !== undefined && {
      requestBody: {
        ...(description !== undefined && { description }),
        content: content(body.schema, consumes),
        ...(required !== undefined && { required }),
      },
    }),
    responses: Object.fromEntries(
      Object.entries(responses as Json).map(([code, value]) => {
        const { schema, ...response } = value as Json;
        return [code, { ...response, ...(schema !== undefined && { content: content(schema, produces) }) }];
      }),
    ),
  };
}

function content(schema: unknown, types: unknown): Json {
  const named = Array.isArray(types) && types.length > 0 ? (types as string[]) : ['*/*'];
  return Object.fromEntries(named.map((type) => [type, { schema: relinked(schema) }]));
}

function parameter({ name, in: place, description, required, ...schema }: Json): Json {
  return {
    name,
    in: place,
    ...(description !== undefined && { description }),
    ...(required !== undefined && { required }),
    schema,
  };
}

function relinked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(relinked);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) =>
      key === '$ref' && typeof one === 'string' ? [key, one.replace(OLD, NEW)] : [key, relinked(one)],
    ),
  );
}
