import { request } from 'node:https';
import type { RunningServer } from './running-server.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever the server answers.
type Json = any;

export interface RawAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  bytes: Buffer;
  /** The body parsed as JSON. @throws SyntaxError when it is none */
  readonly body: Json;
  /** The texts of the Warning headers. */
  warnings: string[];
}

export type Send = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<RawAnswer>;

async function administratorTls({ pki }: RunningServer): Promise<{ ca: string; cert: string; key: string }> {
  const { certificate, key } = await pki.issueClientCertificate({
    commonName: 'orrery-admin',
    organizations: ['system:masters'],
  });
  return { ca: pki.caCertificatePem, cert: certificate, key };
}

export type Watch = (path: string, count: number) => Promise<string[]>;

/** The types of the first so many events of a watch, which is then ended. */
export async function rawWatch(running: RunningServer): Promise<Watch> {
  const tls = await administratorTls(running);
  return (path, count) =>
    new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port: running.port, path, ...tls }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
          const lines = text.split('\n').slice(0, -1);
          if (lines.length < count) return;
          resolve(lines.slice(0, count).map((line) => JSON.parse(line).type));
          sent.destroy();
        });
        response.on('end', () => reject(new Error(`${path} ended after: ${text}`)));
      });
      sent.on('error', reject);
      sent.end();
    });
}

/** An administrator's requests over HTTPS as they are: an object is sent as JSON, a text as it is. */
export async function rawClient(running: RunningServer): Promise<Send> {
  const tls = await administratorTls(running);
  return (method, path, body, headers = {}) =>
    new Promise((resolve, reject) => {
      const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
      const type =
        text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) };
      const options = { host: '127.0.0.1', port: running.port, path, method, ...tls };
      const sent = request({ ...options, headers: { ...type, ...headers } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          resolve({
            status: response.statusCode!,
            headers: response.headers,
            bytes,
            get body() {
              return JSON.parse(bytes.toString());
            },
            warnings: [...String(response.headers.warning ?? '').matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(
              ([, one]) => one!.replaceAll(/\\(.)/g, '$1'),
            ),
          });
        });
      });
      sent.on('error', reject);
      sent.end(text);
    });
}

export const MERGE = { 'content-type': 'application/merge-patch+json' };
export const STRATEGIC = { 'content-type': 'application/strategic-merge-patch+json' };
export const JSON_PATCH = { 'content-type': 'application/json-patch+json' };
export const APPLY = { 'content-type': 'application/apply-patch+yaml' };
export const YAML = { 'content-type': 'application/yaml' };

/** A definition of one kind; `versions` are served, the first one is stored. */
export function definition(
  group: string,
  singular: string,
  schema: object,
  options: { versions?: string[]; scope?: string; version?: object } = {},
) {
  const kind = `${singular.charAt(0).toUpperCase()}${singular.slice(1)}`;
  const plural = `${singular}s`;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: options.scope ?? 'Cluster',
      names: { plural, singular, kind, listKind: `${kind}List` },
      versions: (options.versions ?? ['v1']).map((name, index) => ({
        name,
        served: true,
        storage: index === 0,
        schema: { openAPIV3Schema: schema },
        ...options.version,
      })),
    },
  };
}

export const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** Makes a definition and waits until it is established. */
export async function define(send: Send, crd: ReturnType<typeof definition>): Promise<void> {
  const { status, body } = await send('POST', DEFINITIONS, crd);
  if (status !== 201) throw new Error(`a definition was refused: ${body.message}`);
  for (;;) {
    const now = await send('GET', `${DEFINITIONS}/${crd.metadata.name}`);
    const conditions: Json[] = now.body.status.conditions ?? [];
    if (conditions.some((one) => one.type === 'Established' && one.status === 'True')) return;
  }
}
