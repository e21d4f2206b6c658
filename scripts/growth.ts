/**
 * How long large requests take as they grow: a line each, with the time for 10,000, 20,000 and 40,000 of something. Twice
 * as much may take twice as long; what takes four times as long is quadratic, and the exit code is 1.
 *
 *     node bin/node24.mjs scripts/growth.ts
 */

import { TestServer } from '../src/apiserver/api-server.test-support.ts';
import type { ApiRequest } from '../src/apiserver/index.ts';

const COUNTS = [10_000, 20_000, 40_000] as const;
/** Of the last two; the machine does other things too. */
const RATIO_LIMIT = 3.2;
const INSIDE = '/api/v1/namespaces/default';

interface Large {
  method: ApiRequest['method'];
  url: string;
  type?: string;
  body?: unknown;
}

const many = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
const keyed = (count: number, value: unknown) => Object.fromEntries(many(count, (i) => [`x${i}`, value]));
const named = (name: string, more: object = {}) => ({ metadata: { name, ...more } });
const pod = (spec: object) => ({ ...named('p'), spec: { containers: [{ name: 'a', image: 'x' }], ...spec } });
const container = (more: object) => ({ containers: [{ name: 'a', image: 'x', ...more }] });
const post = (url: string, body: unknown): Large => ({ method: 'POST', url, body });
const patch = (url: string, type: string, body: unknown): Large => ({ method: 'PATCH', url, type, body });

function crd(properties: object): object {
  const names = { plural: 'as', kind: 'A', singular: 'a', listKind: 'AList' };
  const schema = { openAPIV3Schema: { type: 'object', properties } };
  const versions = [{ name: 'v1', served: true, storage: true, schema }];
  return { ...named('as.example.com'), spec: { group: 'example.com', scope: 'Namespaced', names, versions } };
}

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions?dryRun=All';
const WEBHOOKS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
const rules = (rule: string) => ({ 'x-kubernetes-validations': [{ rule }] });

const REQUESTS: Record<string, (count: number) => Large> = {
  'applied list of maps': (n) =>
    patch(`${WEBHOOKS}/w?fieldManager=f`, 'apply-patch+yaml', {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      ...named('w'),
      webhooks: many(n, (i) => ({ name: `x${i}` })),
    }),
  'applied map': (n) =>
    patch(`${INSIDE}/configmaps/d?fieldManager=f`, 'apply-patch+yaml', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      ...named('d'),
      data: keyed(n, 'y'),
    }),
  'strategic merge patch': (n) =>
    patch('/apis/apps/v1/namespaces/default/deployments/target', 'strategic-merge-patch+json', {
      spec: { template: { spec: { containers: many(n, (i) => ({ name: `x${i}`, image: 'y' })) } } },
    }),
  containers: (n) =>
    post(`${INSIDE}/pods`, pod({ containers: many(n, (i) => ({ name: `x${i}`, image: 'y' })) })),
  'volumes and mounts': (n) =>
    post(
      `${INSIDE}/pods`,
      pod({
        ...container({ volumeMounts: many(n, (i) => ({ name: `x${i}`, mountPath: `/x${i}` })) }),
        volumes: many(n, (i) => ({ name: `x${i}` })),
      }),
    ),
  environment: (n) =>
    post(`${INSIDE}/pods`, pod(container({ env: many(n, (i) => ({ name: `x${i}`, value: '$(x1)' })) }))),
  tolerations: (n) => post(`${INSIDE}/pods`, pod({ tolerations: many(n, (i) => ({ key: `x${i}` })) })),
  'service ports': (n) =>
    post(`${INSIDE}/services`, {
      ...named('p'),
      spec: { ports: many(n, (i) => ({ name: `x${i}`, port: i + 1 })) },
    }),
  owners: (n) =>
    post(
      `${INSIDE}/configmaps`,
      named('p', {
        ownerReferences: many(n, (i) => ({ apiVersion: 'v1', kind: 'Pod', name: `x${i}`, uid: `u${i}` })),
      }),
    ),
  finalizers: (n) =>
    post(`${INSIDE}/configmaps`, named(`f${n}`, { finalizers: many(n, (i) => `a.b/x${i}`) })),
  'unknown fields': (n) =>
    post(`${INSIDE}/configmaps?fieldValidation=Strict`, { ...named('u'), ...keyed(n, 1) }),
  'label selector': (n) => ({
    method: 'GET',
    url: `/api/v1/pods?labelSelector=${many(n, (i) => `x${i}`).join(',')}`,
  }),
  'schema: enum': (n) =>
    post(CRDS, crd({ a: { type: 'string', enum: many(n, (i) => `x${i}`), ...rules('self != ""') } })),
  'schema: properties': (n) =>
    post(
      CRDS,
      crd({ a: { type: 'object', properties: keyed(n / 2, { type: 'string' }), ...rules('has(self.x1)') } }),
    ),
  endpoints: (n) =>
    post(`${INSIDE}/endpoints`, {
      ...named(`s${n}`),
      subsets: [{ addresses: many(n, (i) => ({ ip: `10.0.${i >> 8}.${i & 255}` })), ports: [{ port: 1 }] }],
    }),
  quota: (n) =>
    post(`${INSIDE}/resourcequotas`, {
      ...named(`q${n}`),
      spec: { hard: Object.fromEntries(many(n, (i) => [`count/x${i}`, 1])) },
    }),
};

const server = await TestServer.start();
const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'main', image: 'x' }] } };
await server.post(`${INSIDE}/serviceaccounts`, named('default'));
await server.post('/apis/apps/v1/namespaces/default/deployments', {
  ...named('target'),
  spec: { selector: { matchLabels: { a: 'b' } }, template },
});
for (const [what, make] of Object.entries(REQUESTS)) {
  const times: number[] = [];
  for (const count of COUNTS) {
    const { method, url, type = 'json', body } = make(count);
    const text = body === undefined ? undefined : JSON.stringify(body);
    const start = performance.now();
    await server.send(method, url, text, { headers: { 'content-type': `application/${type}` } });
    times.push(performance.now() - start);
  }
  const ratio = times[2]! / times[1]!;
  // What takes no time has no ratio.
  const isSteep = ratio > RATIO_LIMIT && times[2]! > 200;
  if (isSteep) process.exitCode = 1;
  const shown = times.map((ms) => `${Math.round(ms)} ms`.padStart(8)).join(' ');
  console.log(`${what.padEnd(24)}${shown}  x${ratio.toFixed(1)}${isSteep ? '  QUADRATIC' : ''}`);
}
await server.stop();
