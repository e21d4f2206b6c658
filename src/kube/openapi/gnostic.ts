/**
 * An OpenAPI 2 document as gnostic's protobuf (`openapi.v2.Document`), which kubectl up to 1.26 asks for as
 * `application/com.github.proto-openapi.spec.v2@v1.0+protobuf`. Field numbers:
 * https://github.com/google/gnostic/blob/main/openapiv2/OpenAPIv2.proto
 */
import { ProtobufWriter } from './protobuf-writer.ts';

type Json = Record<string, unknown>;

export function openApiV2Protobuf(document: object): Uint8Array {
  const doc = document as Json;
  const out = new ProtobufWriter();
  out.string(1, doc.swagger);
  out.message(2, () => {
    const info = (doc.info ?? {}) as Json;
    out.string(1, info.title);
    out.string(2, info.version);
  });
  out.message(8, () => named(out, 2, doc.paths, (path) => pathItem(out, path)));
  out.message(9, () => named(out, 1, doc.definitions, (one) => schema(out, one)));
  for (const requirement of list(doc.security))
    out.message(12, () => named(out, 1, requirement, (scopes) => strings(out, 1, scopes)));
  out.message(13, () => named(out, 1, doc.securityDefinitions, (one) => apiKey(out, one)));
  return out.finish();
}

function list(value: unknown): Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}

function strings(out: ProtobufWriter, field: number, value: unknown): void {
  for (const one of Array.isArray(value) ? value : []) out.string(field, one);
}

/** gnostic writes a map as repeated (name = 1, value = 2). */
function named(out: ProtobufWriter, field: number, map: unknown, write: (value: Json) => void): void {
  for (const [name, value] of Object.entries((map ?? {}) as Json))
    out.message(field, () => {
      out.string(1, name);
      out.message(2, () => write(value as Json));
    });
}

/** Vendor extensions and defaults travel as YAML text, of which JSON is a part. */
function any(out: ProtobufWriter, field: number, value: unknown): void {
  out.message(field, () => out.string(2, `${JSON.stringify(value)}\n`));
}

function extensions(out: ProtobufWriter, field: number, from: Json): void {
  for (const name of Object.keys(from))
    if (name.startsWith('x-'))
      out.message(field, () => {
        out.string(1, name);
        any(out, 2, from[name]);
      });
}

function apiKey(out: ProtobufWriter, from: Json): void {
  out.message(2, () => {
    out.string(1, from.type);
    out.string(2, from.name);
    out.string(3, from.in);
    out.string(4, from.description);
  });
}

const METHODS = { get: 2, put: 3, post: 4, delete: 5, patch: 8 } as const;

function pathItem(out: ProtobufWriter, path: Json): void {
  for (const [method, field] of Object.entries(METHODS))
    if (path[method] !== undefined) out.message(field, () => operation(out, path[method] as Json));
  for (const one of list(path.parameters)) out.message(9, () => parameter(out, one));
}

function operation(out: ProtobufWriter, from: Json): void {
  strings(out, 1, from.tags);
  out.string(3, from.description);
  out.string(5, from.operationId);
  strings(out, 6, from.produces);
  strings(out, 7, from.consumes);
  for (const one of list(from.parameters)) out.message(8, () => parameter(out, one));
  out.message(9, () =>
    named(out, 1, from.responses, (response) =>
      out.message(1, () => {
        out.string(1, response.description);
        if (response.schema !== undefined)
          out.message(2, () => out.message(1, () => schema(out, response.schema as Json)));
      }),
    ),
  );
  strings(out, 10, from.schemes);
  extensions(out, 13, from);
}

/** ParametersItem{parameter = 1: Parameter{body_parameter = 1 | non_body_parameter = 2: {query = 3 | path = 4}}}. */
function parameter(out: ProtobufWriter, from: Json): void {
  out.message(1, () => {
    if (from.in === 'body')
      return out.message(1, () => {
        out.string(2, from.name);
        out.string(3, from.in);
        out.bool(4, from.required);
        out.message(5, () => schema(out, from.schema as Json));
      });
    const isQuery = from.in === 'query';
    out.message(2, () =>
      out.message(isQuery ? 3 : 4, () => {
        out.bool(1, from.required);
        out.string(2, from.in);
        out.string(3, from.description);
        out.string(4, from.name);
        out.string(isQuery ? 6 : 5, from.type);
        out.bool(isQuery ? 20 : 19, from.uniqueItems);
      }),
    );
  });
}

function schema(out: ProtobufWriter, from: Json): void {
  out.string(1, from.$ref);
  out.string(2, from.format);
  out.string(4, from.description);
  if (from.default !== undefined) any(out, 5, from.default);
  strings(out, 19, from.required);
  for (const value of Array.isArray(from.enum) ? from.enum : []) any(out, 20, value);
  if (from.additionalProperties !== undefined)
    out.message(21, () => out.message(1, () => schema(out, from.additionalProperties as Json)));
  if (from.type !== undefined) out.message(22, () => out.string(1, from.type));
  if (from.items !== undefined) out.message(23, () => out.message(1, () => schema(out, from.items as Json)));
  if (from.properties !== undefined)
    out.message(25, () => named(out, 1, from.properties, (one) => schema(out, one)));
  extensions(out, 31, from);
}
