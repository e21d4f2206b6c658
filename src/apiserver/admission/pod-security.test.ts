import { afterEach, beforeEach, expect, test } from 'vitest';
import { pod, TestServer } from '../api-server.test-support.ts';

const NAMESPACE = '/api/v1/namespaces/default';
let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
  await server.post(`${NAMESPACE}/serviceaccounts`, account);
});

afterEach(() => server.stop());

const label = (labels: Record<string, string>) =>
  server.patch(NAMESPACE, {
    metadata: {
      labels: Object.fromEntries(
        Object.entries(labels).map(([name, value]) => [`pod-security.kubernetes.io/${name}`, value]),
      ),
    },
  });

const VIOLATIONS =
  'PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "main" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "main" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "main" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "main" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")';

test('a restricted namespace says everything that is wrong with a pod', async () => {
  await label({ enforce: 'restricted' });
  const answer = await server.post(`${NAMESPACE}/pods`, pod('a'));
  expect(answer.status).toBe(403);
  expect(answer.body.message).toBe(`pods "a" is forbidden: violates ${VIOLATIONS}`);
  const good = {
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'main',
        image: 'x',
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  };
  expect((await server.post(`${NAMESPACE}/pods`, pod('b', good))).status).toBe(201);
});

test('a baseline namespace refuses what reaches the host', async () => {
  await label({ enforce: 'baseline' });
  const spec = {
    hostNetwork: true,
    hostPID: true,
    volumes: [{ name: 'root', hostPath: { path: '/' } }],
    containers: [
      {
        name: 'main',
        image: 'x',
        securityContext: { privileged: true, capabilities: { add: ['SYS_TIME'] } },
      },
    ],
  };
  const answer = await server.post(`${NAMESPACE}/pods`, pod('a', spec));
  expect(answer.body.message).toBe(
    'pods "a" is forbidden: violates PodSecurity "baseline:latest": non-default capabilities (container "main" must not include "SYS_TIME" in securityContext.capabilities.add), host namespaces (hostNetwork=true, hostPID=true), hostPath volumes (volume "root"), privileged (container "main" must not set securityContext.privileged=true)',
  );
  expect((await server.post(`${NAMESPACE}/pods`, pod('b'))).status).toBe(201);
});

test('templates and pods are warned about', async () => {
  await label({ warn: 'restricted' });
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    spec: {
      selector: { matchLabels: { app: 'd' } },
      template: { metadata: { labels: { app: 'd' } }, spec: pod('x').spec },
    },
  };
  const answer = await server.post('/apis/apps/v1/namespaces/default/deployments', deployment);
  expect(answer.status).toBe(201);
  expect(answer.headers.warning).toContain('would violate PodSecurity');
  expect((await server.post(`${NAMESPACE}/pods`, pod('a'))).headers.warning).toContain(
    'would violate PodSecurity',
  );
});

test('a namespace that becomes stricter names the pods that would not be let in', async () => {
  await server.post(`${NAMESPACE}/pods`, pod('a'));
  await server.post(`${NAMESPACE}/pods`, pod('b'));
  const { headers } = await label({ enforce: 'restricted' });
  expect(headers.warning).toContain(
    'existing pods in namespace \\"default\\" violate the new PodSecurity enforce level \\"restricted:latest\\"',
  );
  expect(headers.warning).toContain(
    'a (and 1 other pod): allowPrivilegeEscalation != false, unrestricted capabilities',
  );
});

test('a level that does not exist is refused', async () => {
  const { status, body } = await label({ enforce: 'strict' });
  expect(status).toBe(422);
  expect(body.message).toContain(
    'metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted',
  );
});
