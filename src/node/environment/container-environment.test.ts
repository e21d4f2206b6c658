import { expect, test } from 'vitest';
import type { corev1 } from '../../kube/index.ts';
import {
  containerEnvironment,
  type EnvironmentSources,
  environmentReferences,
} from './container-environment.ts';

const pod = {
  metadata: { name: 'web-1', namespace: 'shop', uid: 'u-1', labels: { app: 'web' } },
  spec: { nodeName: 'sun', containers: [{ name: 'web', resources: { limits: { memory: '64Mi' } } }] },
} as unknown as corev1.Pod;

const sources = {
  configMaps: new Map([['settings', { metadata: {}, data: { color: 'red', size: 'L' } }]]),
  secrets: new Map([['keys', { metadata: {}, data: { token: Buffer.from('s3cret').toString('base64') } }]]),
  services: { DB_SERVICE_HOST: '10.43.0.9', KUBERNETES_SERVICE_HOST: '10.43.0.1' },
  facts: { podIPs: ['10.42.0.5'], hostIPs: ['192.0.2.1'], allocatable: { cpu: '4', memory: '8Gi' } },
} as unknown as EnvironmentSources;

function environmentOf(container: Partial<corev1.Container>) {
  return containerEnvironment(pod, { name: 'web', ...container }, { ...sources, services: {} });
}

test('later variables use earlier ones and those of services', () => {
  const environment = containerEnvironment(
    pod,
    {
      name: 'web',
      envFrom: [{ prefix: 'CFG_', configMapRef: { name: 'settings' } }],
      env: [
        { name: 'URL', value: 'tcp://$(DB_SERVICE_HOST)/$(CFG_color)' },
        { name: 'ESCAPED', value: '$$(URL)' },
        { name: 'KUBERNETES_SERVICE_HOST', value: 'mine' },
      ],
    },
    sources,
  );
  expect(environment).toEqual({
    CFG_color: 'red',
    CFG_size: 'L',
    URL: 'tcp://10.43.0.9/red',
    ESCAPED: '$(URL)',
    DB_SERVICE_HOST: '10.43.0.9',
    KUBERNETES_SERVICE_HOST: 'mine',
  });
});

test('reads keys, fields and resources', () => {
  const env = [
    { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'keys', key: 'token' } } },
    { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
    { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
    {
      name: 'MIB',
      valueFrom: { resourceFieldRef: { containerName: 'web', resource: 'limits.memory', divisor: '1Mi' } },
    },
    { name: 'CPUS', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
  ];
  expect(environmentOf({ env })).toEqual({
    TOKEN: 's3cret',
    NODE: 'sun',
    IP: '10.42.0.5',
    APP: 'web',
    MIB: '64',
    CPUS: '4',
  });
});

test('says with the kubelet’s words what is missing', () => {
  const env = (valueFrom: corev1.EnvVarSource) => [{ name: 'X', valueFrom }];
  expect(() => environmentOf({ env: env({ configMapKeyRef: { name: 'no', key: 'k' } }) })).toThrow(
    'configmap "no" not found',
  );
  expect(() => environmentOf({ env: env({ configMapKeyRef: { name: 'settings', key: 'k' } }) })).toThrow(
    "couldn't find key k in ConfigMap shop/settings",
  );
  expect(() => environmentOf({ env: env({ secretKeyRef: { name: 'keys', key: 'k' } }) })).toThrow(
    "couldn't find key k in Secret shop/keys",
  );
  expect(() => environmentOf({ envFrom: [{ secretRef: { name: 'no' } }] })).toThrow('secret "no" not found');
});

test('leaves out what is optional and missing', () => {
  const env = [
    { name: 'A', valueFrom: { configMapKeyRef: { name: 'no', key: 'k', optional: true } } },
    { name: 'B', valueFrom: { secretKeyRef: { name: 'keys', key: 'no', optional: true } } },
  ];
  expect(environmentOf({ env, envFrom: [{ configMapRef: { name: 'no', optional: true } }] })).toEqual({});
});

test('refuses a source it does not know by name', () => {
  const env = [{ name: 'A', valueFrom: { fileKeyRef: {} } as unknown as corev1.EnvVarSource }];
  expect(() => environmentOf({ env })).toThrow('fileKeyRef');
});

test('lists the objects it will look for', () => {
  const references = environmentReferences({
    name: 'web',
    envFrom: [{ secretRef: { name: 'a' } }],
    env: [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'b', key: 'k' } } }],
  });
  expect([...references.secrets, ...references.configMaps]).toEqual(['a', 'b']);
});
