import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog, systemClock } from '../../src/base/index.ts';
import { componentClients } from '../../src/cli/component-clients.ts';
import { BackgroundEventRecorder, createClient, SECRETS, SERVICE_ACCOUNTS } from '../../src/client/index.ts';
import { createControllers } from '../../src/controllers/index.ts';
import type { corev1 } from '../../src/kube/index.ts';
import { findKubectls, Kubectl } from './kubectl.ts';
import { type RunningServer, startServer } from './running-server.ts';

const kubectls = findKubectls();
const end = new AbortController();

let running: RunningServer;
let working: Promise<unknown>;

beforeAll(async () => {
  running = await startServer();
  const clients = componentClients(running.server);
  const client = clients.controllerManager;
  const recorder = new BackgroundEventRecorder({
    client,
    component: 'controllers',
    clock: systemClock,
    log: silentLog,
  });
  const controllers = createControllers({
    client,
    clientFor: clients.controller,
    recorder,
    clock: systemClock,
    log: silentLog,
    config: { caPem: running.pki.caCertificatePem, clusterCidr: '10.42.0.0/16' },
  });
  working = Promise.all([recorder.run(end.signal), controllers.run(end.signal)]);
  await controllers.ready();
});

afterAll(async () => {
  end.abort();
  await working;
  await running?.stop();
});

test.skipIf(kubectls.length > 0)('kubectl is not installed: rights not checked with it', (context) =>
  context.skip('no kubectl on PATH'),
);

describe('tokens that are over are cleared away', () => {
  const user = { name: 'admin', groups: ['system:masters'] };
  const secrets = () =>
    createClient(running.server.localTransport(user), { userAgent: 'test' }).resource<corev1.Secret>(SECRETS);
  const isThere = async (name: string, namespace: string) => {
    const { items } = await secrets().list({ namespace, fieldSelector: `metadata.name=${name}` });
    return items.length > 0;
  };
  const encode = (text: string) => Buffer.from(text).toString('base64');

  test('a joining token at its end', async () => {
    const make = (id: string, endsInMs: number) =>
      secrets().create({
        metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
        type: 'bootstrap.kubernetes.io/token',
        data: {
          'token-id': encode(id),
          'token-secret': encode('0123456789abcdef'),
          expiration: encode(new Date(Date.now() + endsInMs).toISOString()),
        },
      });
    await make('aaaaaa', 3_600_000);
    await make('bbbbbb', 1_000);
    await expect
      .poll(() => isThere('bootstrap-token-bbbbbb', 'kube-system'), { timeout: 10_000 })
      .toBe(false);
    expect(await isThere('bootstrap-token-aaaaaa', 'kube-system')).toBe(true);
  });

  test('a token Secret with its account, and one of no account', async () => {
    const client = createClient(running.server.localTransport(user), { userAgent: 'test' });
    const accounts = client.resource<corev1.ServiceAccount>(SERVICE_ACCOUNTS);
    await accounts.create({ metadata: { name: 'leaving', namespace: 'default' } });
    const make = (account: string) =>
      secrets().create({
        metadata: {
          name: `${account}-token`,
          namespace: 'default',
          annotations: { 'kubernetes.io/service-account.name': account },
        },
        type: 'kubernetes.io/service-account-token',
      });
    expect((await make('leaving')).data).toHaveProperty('token');
    await make('nobody');
    await expect.poll(() => isThere('nobody-token', 'default'), { timeout: 10_000 }).toBe(false);
    expect(await isThere('leaving-token', 'default')).toBe(true);
    await accounts.delete('leaving', { namespace: 'default' });
    await expect.poll(() => isThere('leaving-token', 'default'), { timeout: 10_000 }).toBe(false);
  });
});

describe.each(kubectls)('$name', ({ name, path }) => {
  const short = name.replaceAll(/[^0-9a-z]/g, '');
  const namespace = `r-${short}`;
  let admin: Kubectl;
  let ann: Kubectl;

  beforeAll(async () => {
    const kubeconfig = (commonName: string, organizations: string[]) =>
      running.kubeconfig({ commonName, organizations });
    admin = await Kubectl.create(path, await kubeconfig('orrery-admin', ['system:masters']), namespace);
    ann = await Kubectl.create(path, await kubeconfig(`ann-${short}`, ['devs']), namespace);
    await admin.ok('create', 'namespace', namespace);
  });

  afterAll(async () => {
    await Promise.all([admin, ann].map((kubectl) => kubectl?.dispose()));
  });

  test('makes roles and bindings, which count at once', async () => {
    const refused = await ann.run(['get', 'configmaps']);
    expect(refused.stderr).toContain(
      `configmaps is forbidden: User "ann-${short}" cannot list resource "configmaps" in API group "" in the namespace "${namespace}"`,
    );
    await admin.ok(
      'create',
      'role',
      'reader',
      '--verb=get,list',
      '--resource=configmaps,deployments.apps/scale',
    );
    await admin.ok(
      'create',
      'rolebinding',
      'reader',
      '--role=reader',
      `--user=ann-${short}`,
      '--group=others',
    );
    await ann.ok('get', 'configmaps');
    await admin.ok('create', 'clusterrole', `metrics-${short}`, '--verb=get', '--non-resource-url=/metrics');
    await admin.ok(
      ...['create', 'clusterrolebinding', `metrics-${short}`, `--clusterrole=metrics-${short}`],
      ...[`--user=ann-${short}`, `--serviceaccount=${namespace}:default`],
    );
    await ann.ok('get', '--raw', '/metrics');
    expect(await admin.ok('get', 'rolebindings', '-o', 'wide')).toMatch(
      new RegExp(
        `NAME\\s+ROLE\\s+AGE\\s+USERS\\s+GROUPS\\s+SERVICEACCOUNTS\\s+reader\\s+Role/reader\\s+\\S+\\s+ann-${short}\\s+others`,
      ),
    );
    expect(await admin.ok('describe', 'role', 'reader')).toContain('deployments.apps/scale');
  });

  test('auth can-i, --list and whoami', async () => {
    expect((await ann.run(['auth', 'can-i', 'list', 'configmaps'])).stdout).toBe('yes\n');
    const no = await ann.run(['auth', 'can-i', 'delete', 'configmaps']);
    expect([no.code, no.stdout]).toEqual([1, 'no\n']);
    const list = await ann.ok('auth', 'can-i', '--list');
    expect(list).toMatch(/configmaps\s+\[\]\s+\[\]\s+\[get list\]/);
    expect(list).toMatch(/\[\/metrics\]\s+\[\]\s+\[get\]/);
    expect(list).toMatch(/selfsubjectaccessreviews\.authorization\.k8s\.io\s+\[\]\s+\[\]\s+\[create\]/);
  });

  test('--as, --as-group: rights are those of the other', async () => {
    const as = `--as=system:serviceaccount:${namespace}:default`;
    expect((await admin.run(['auth', 'can-i', 'list', 'configmaps', as])).stdout).toBe('no\n');
    await admin.ok(
      'create',
      'rolebinding',
      'robots',
      '--clusterrole=view',
      `--serviceaccount=${namespace}:default`,
    );
    expect((await admin.run(['auth', 'can-i', 'list', 'configmaps', as])).stdout).toBe('yes\n');
    await admin.ok('get', 'configmaps', '--as=somebody', '--as-group=none', '--as-group=others');
    const refused = await ann.run(['get', 'configmaps', '--as=somebody']);
    expect(refused.stderr).toContain(
      `users "somebody" is forbidden: User "ann-${short}" cannot impersonate resource "users" in API group "" at the cluster scope`,
    );
  });

  test('auth reconcile makes, widens and replaces', async () => {
    const file = join(running.directory, `${short}.yaml`);
    const manifest = (verbs: string, role: string) => `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: ${role}, namespace: ${namespace} }
rules: [{ apiGroups: [""], resources: [secrets], verbs: [${verbs}] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: reconciled, namespace: ${namespace} }
subjects: [{ kind: User, apiGroup: rbac.authorization.k8s.io, name: eve }]
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: ${role} }
`;
    const can = async (verb: string) =>
      (await admin.run(['auth', 'can-i', verb, 'secrets', '--as=eve'])).stdout.trim();
    await writeFile(file, manifest('get', 'first'));
    await admin.ok('auth', 'reconcile', '-f', file);
    expect([await can('get'), await can('list')]).toEqual(['yes', 'no']);
    await writeFile(file, manifest('get, list', 'first'));
    await admin.ok('auth', 'reconcile', '-f', file);
    expect([await can('get'), await can('list')]).toEqual(['yes', 'yes']);
    await writeFile(file, manifest('watch', 'second'));
    await admin.ok('auth', 'reconcile', '-f', file);
    expect([await can('get'), await can('watch')]).toEqual(['no', 'yes']);
  });

  test('an aggregated ClusterRole follows the roles it gathers', async () => {
    const [all, part] = [`all-${short}`, `part-${short}`];
    await admin.ok('create', 'clusterrole', all, `--aggregation-rule=gather=${short}`);
    await admin.ok('create', 'clusterrole', part, '--verb=get', '--resource=secrets');
    await admin.ok('label', 'clusterrole', part, `gather=${short}`);
    await admin.ok('create', 'clusterrolebinding', all, `--clusterrole=${all}`, '--user=zoe');
    await expect
      .poll(async () => (await admin.run(['auth', 'can-i', 'get', 'secrets', '--as=zoe'])).stdout, {
        timeout: 5000,
      })
      .toBe('yes\n');
    await admin.ok('delete', 'clusterrole', all, part);
    await admin.ok('delete', 'clusterrolebinding', all);
  });

  test('a token of a service account is an identity with rights', async () => {
    await admin.ok('create', 'serviceaccount', 'robot');
    await admin.ok(
      'create',
      'rolebinding',
      'robot',
      '--clusterrole=edit',
      `--serviceaccount=${namespace}:robot`,
    );
    const token = (await admin.ok('create', 'token', 'robot')).trim();
    const config = JSON.parse(
      await readFile(await running.kubeconfig({ commonName: `robot-${short}`, organizations: [] }), 'utf8'),
    );
    config.users[0].user = { token };
    const file = join(running.directory, `token-${short}.kubeconfig`);
    await writeFile(file, JSON.stringify(config), { mode: 0o600 });
    const robot = await Kubectl.create(path, file, namespace);
    await robot.ok('create', 'configmap', 'mine', '--from-literal=a=b');
    expect((await robot.run(['get', 'nodes'])).stderr).toContain(
      `User "system:serviceaccount:${namespace}:robot" cannot list resource "nodes"`,
    );
    await admin.ok('delete', 'serviceaccount', 'robot');
    expect((await robot.run(['get', 'configmap', 'mine'])).stderr).toContain('Unauthorized');
    await robot.dispose();
  });
});
