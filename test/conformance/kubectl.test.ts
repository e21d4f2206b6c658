import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findKubectls, Kubectl } from './kubectl.ts';
import { DEPLOYMENT, eventOf, OTHERS, POD, SERVICE } from './manifests.ts';
import { type RunningServer, startServer } from './running-server.ts';

const kubectls = findKubectls();
const ADMIN = { commonName: 'orrery-admin', organizations: ['system:masters'] };

let running: RunningServer;
let adminConfig: string;

beforeAll(async () => {
  running = await startServer();
  adminConfig = await running.kubeconfig(ADMIN);
});

afterAll(async () => {
  await running?.stop();
});

test.skipIf(kubectls.length > 0)('kubectl is not installed: conformance not checked', (context) =>
  context.skip('no kubectl on PATH'),
);

describe.each(kubectls)('$name', ({ name, path }) => {
  const namespace = `t-${name.replaceAll(/[^0-9a-z]/g, '')}`;
  let kubectl: Kubectl;

  beforeAll(async () => {
    kubectl = await Kubectl.create(path, adminConfig, namespace);
    await kubectl.ok('create', 'namespace', namespace);
    // There is no controller in this test to make it.
    await kubectl.ok('create', 'serviceaccount', 'default');
  });

  afterAll(async () => {
    await kubectl.dispose();
  });

  test('discovers the server', async () => {
    expect(await kubectl.ok('version')).toMatch(/Server Version.*v1\.36\.0\+orrery-0\.1\.0/);
    const resources = await kubectl.ok('api-resources', '-o', 'wide');
    for (const kind of ['Pod', 'Deployment', 'EndpointSlice', 'Lease', 'Event'])
      expect(resources).toContain(kind);
    expect(await kubectl.ok('api-versions')).toContain('apps/v1');
    expect(await kubectl.ok('get', '--raw', '/readyz')).toBe('ok');
    expect(await kubectl.ok('get', '--raw', '/livez?verbose')).toContain('[+]ping ok');
    expect(await kubectl.ok('auth', 'can-i', 'create', 'pods')).toContain('yes');
    expect(await kubectl.ok('auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}')).toBe(
      ADMIN.commonName,
    );
  });

  test('explains fields', async () => {
    const text = await kubectl.ok('explain', 'deployment.spec.template.spec.containers.resources');
    expect(text).toContain('requests');
    expect(await kubectl.fails('explain', 'pod.spec.nope')).toContain('field "nope" does not exist');
  });

  test('creates, applies, gets, prints and deletes every kind', async () => {
    await kubectl.with(`${DEPLOYMENT}---${POD}---${SERVICE}---${OTHERS}`, 'apply', '-f', '-');
    const again = await kubectl.with(`${DEPLOYMENT}---${POD}---${SERVICE}---${OTHERS}`, 'apply', '-f', '-');
    expect(again).not.toMatch(/configured|created/);
    expect(await kubectl.ok('get', 'deployment', 'web')).toMatch(
      /NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +0\/2/,
    );
    expect(await kubectl.ok('get', 'pod', 'solo', '-o', 'wide')).toMatch(
      /solo +0\/1 +Pending +0 +\S+ +<none> +<none>/,
    );
    expect(await kubectl.ok('get', 'service', 'web')).toMatch(
      /web +NodePort +10\.43\.\d+\.\d+ +<none> +80:3\d{4}\/TCP/,
    );
    expect(await kubectl.ok('get', 'secret', 'login', '-o', 'jsonpath={.data.user}')).toBe('bWU=');
    for (const kind of ['all', 'cm', 'secret', 'sa', 'lease', 'endpointslices', 'events', 'endpoints'])
      await kubectl.ok('get', kind, '-o', 'yaml');
    expect(await kubectl.ok('describe', 'deployment', 'web')).toContain('local/web:1');
    expect(await kubectl.ok('describe', 'pod', 'solo')).toContain('kube-api-access-');
    expect(await kubectl.ok('describe', 'service', 'web')).toContain('NodePort');
    expect(
      await kubectl.ok('get', 'pods', '-A', '-l', 'app=solo', '--field-selector', 'status.phase=Pending'),
    ).toContain('solo');
    await kubectl.with(OTHERS, 'delete', '-f', '-');
    expect(await kubectl.fails('get', 'cm', 'settings')).toContain('configmaps "settings" not found');
  });

  test('labels, annotates and patches in every form', async () => {
    await kubectl.ok('label', 'deployment', 'web', 'tier=front');
    await kubectl.ok('annotate', 'deployment', 'web', 'note=one two');
    await kubectl.ok(
      'patch',
      'deployment',
      'web',
      '--type=json',
      '-p',
      '[{"op":"add","path":"/metadata/labels/j","value":"1"}]',
    );
    await kubectl.ok('patch', 'deployment', 'web', '--type=merge', '-p', '{"metadata":{"labels":{"m":"1"}}}');
    await kubectl.ok(
      'patch',
      'deployment',
      'web',
      '-p',
      '{"spec":{"template":{"spec":{"containers":[{"name":"main","env":[{"name":"A","value":"b"}]}]}}}}',
    );
    const json = JSON.parse(await kubectl.ok('get', 'deployment', 'web', '-o', 'json'));
    expect(json.metadata.labels).toEqual({ app: 'web', tier: 'front', j: '1', m: '1' });
    expect(json.spec.template.spec.containers).toHaveLength(1);
    expect(json.spec.template.spec.containers[0]).toMatchObject({
      image: 'local/web:1',
      env: [{ name: 'A', value: 'b' }],
    });
    expect(await kubectl.ok('label', 'deployment', 'web', 'tier-')).toContain('unlabeled');
  });

  test('scales, sets images, restarts, edits, replaces and waits', async () => {
    expect(await kubectl.ok('scale', 'deployment', 'web', '--replicas=5')).toContain('scaled');
    await kubectl.ok('set', 'image', 'deployment/web', 'main=local/web:2');
    await kubectl.ok('set', 'env', 'deployment/web', 'B=c');
    await kubectl.ok('rollout', 'restart', 'deployment', 'web');
    const edited = await kubectl.run(['edit', 'deployment', 'web'], {
      env: { KUBE_EDITOR: "sed -i 's/replicas: 5/replicas: 7/'" },
    });
    expect(edited.stderr + edited.stdout).toContain('edited');
    await kubectl.ok('wait', '--for=jsonpath={.spec.replicas}=7', 'deployment/web', '--timeout=5s');
    expect(await kubectl.with(DEPLOYMENT, 'replace', '-f', '-')).toContain('replaced');
    expect(await kubectl.ok('get', 'deployment', 'web', '-o', 'jsonpath={.spec.replicas}')).toBe('2');
    expect(await kubectl.fails('rollout', 'status', 'deployment', 'web', '--timeout=1s')).toContain(
      'timed out',
    );
    expect(await kubectl.ok('rollout', 'history', 'deployment', 'web')).toContain('deployment.apps/web');
  });

  test('shows what an apply would change, and dry runs change nothing', async () => {
    const changed = DEPLOYMENT.replace('replicas: 2', 'replicas: 4');
    const { code, stdout } = await kubectl.run(['diff', '-f', '-'], { input: changed });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^-.*replicas: 2$/m);
    expect(stdout).toMatch(/^\+.*replicas: 4$/m);
    await kubectl.with(changed, 'apply', '--dry-run=server', '-f', '-');
    expect(await kubectl.ok('get', 'deployment', 'web', '-o', 'jsonpath={.spec.replicas}')).toBe('2');
    await kubectl.ok('run', 'ghost', '--image=x', '--dry-run=server');
    expect(await kubectl.fails('get', 'pod', 'ghost')).toContain('not found');
  });

  test('applies on the server, and tells conflicts', async () => {
    const mine = (color: string) =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared}\ndata: {color: ${color}}\n`;
    expect(
      await kubectl.with(mine('red'), 'apply', '--server-side', '--field-manager=one', '-f', '-'),
    ).toContain('serverside-applied');
    const conflict = await kubectl.failsWith(
      mine('blue'),
      'apply',
      '--server-side',
      '--field-manager=two',
      '-f',
      '-',
    );
    expect(conflict).toContain('conflict with "one"');
    await kubectl.with(
      mine('blue'),
      'apply',
      '--server-side',
      '--field-manager=two',
      '--force-conflicts',
      '-f',
      '-',
    );
    expect(await kubectl.ok('get', 'cm', 'shared', '-o', 'jsonpath={.data.color}')).toBe('blue');
    await kubectl.with(POD, 'apply', '-f', '-');
    const { stderr } = await kubectl.run(['apply', '--server-side', '-f', '-'], { input: POD });
    expect(stderr).not.toContain('Forbidden');
  });

  test('watches in a table', async () => {
    const printed = await kubectl.until(['get', 'cm', 'shared', '-w'], /shared +2 +/, () =>
      kubectl.ok('patch', 'cm', 'shared', '--type=merge', '-p', '{"data":{"size":"9"}}'),
    );
    expect(printed).toMatch(/NAME +DATA +AGE\nshared +1 +\S+\n/);
  });

  test('creates with its own generators', async () => {
    await kubectl.ok('create', 'configmap', 'made', '--from-literal=a=b');
    await kubectl.ok('create', 'secret', 'generic', 'hidden', '--from-literal=a=b');
    await kubectl.ok('create', 'deployment', 'quick', '--image=local/web:1', '--replicas=3', '--port=80');
    await kubectl.ok('expose', 'deployment', 'quick', '--type=LoadBalancer', '--port=80');
    await kubectl.ok('run', 'oneoff', '--image=local/web:1', '--labels=a=b', '--env=X=1', '--restart=Never');
    expect(await kubectl.ok('get', 'deployment', 'quick', '-o', 'jsonpath={.spec.replicas}')).toBe('3');
    expect(await kubectl.ok('get', 'service', 'quick', '-o', 'jsonpath={.spec.ports[0].targetPort}')).toBe(
      '80',
    );
    expect((await kubectl.ok('create', 'token', 'default')).split('.')).toHaveLength(3);
    await kubectl.ok('delete', 'pod', 'oneoff', '--now');
  });

  test('prints events', async () => {
    const uid = await kubectl.ok('get', 'pod', 'solo', '-o', 'jsonpath={.metadata.uid}');
    await kubectl.with(eventOf(namespace, uid), 'create', '-f', '-');
    expect(await kubectl.ok('get', 'events')).toContain('it works');
    expect(await kubectl.ok('events', '--for', 'pod/solo')).toContain('Tested');
    expect(await kubectl.ok('describe', 'pod', 'solo')).toContain('it works');
    expect(await kubectl.ok('get', 'events.v1.events.k8s.io', 'e1', '-o', 'jsonpath={.note}')).toBe(
      'it works',
    );
  });

  test('reads logs and exec of a pod that has no node as upstream', async () => {
    expect(await kubectl.ok('logs', 'solo')).toBe('');
    expect(await kubectl.fails('exec', 'solo', '--', 'ls')).toContain('does not have a host assigned');
    expect(await kubectl.fails('logs', 'solo', '-c', 'nope')).toContain(
      'container nope is not valid for pod solo',
    );
    expect(await kubectl.fails('logs', 'nope')).toContain('pods "nope" not found');
  });

  test('refuses bad input in one line and changes nothing', async () => {
    const bad = (text: string) => kubectl.failsWith(`---\n${text}`, 'create', '-f', '-');
    expect(await bad('{apiVersion: v1, kind: ConfigMap, metadata: {name: Bad_Name}}')).toContain(
      'metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain',
    );
    expect(await bad('{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, dataa: {a: b}}')).toContain(
      'unknown field "dataa"',
    );
    expect(await bad('{apiVersion: v2, kind: ConfigMap, metadata: {name: x}}')).toContain(
      'no matches for kind "ConfigMap" in version "v2"',
    );
    expect(await bad(`{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: nowhere}}`)).toContain(
      'the namespace from the provided object "nowhere" does not match',
    );
    expect(await kubectl.fails('create', 'cm', 'shared')).toContain('configmaps "shared" already exists');
    expect(await kubectl.fails('get', 'pods', '-l', 'a in (b')).toContain('unable to parse requirement');
  });

  test('deletes', async () => {
    await kubectl.ok('delete', 'deployment', 'web', 'quick', '--cascade=orphan', '--wait=false');
    await kubectl.ok('delete', 'pods', '--all');
    await kubectl.ok('delete', 'service', '-l', 'nothing=here');
    await kubectl.ok('delete', 'cm', '--all');
    expect(await kubectl.ok('get', 'pods,cm')).toBe('');
    await kubectl.ok('delete', 'namespace', namespace, '--wait=false');
    expect(await kubectl.ok('get', 'namespace', namespace, '-o', 'jsonpath={.status.phase}')).toBe(
      'Terminating',
    );
    expect(await kubectl.fails('create', 'cm', 'late')).toContain('because it is being terminated');
    expect(await kubectl.fails('delete', 'namespace', 'kube-system')).toContain(
      'this namespace may not be deleted',
    );
  });
});
