import { expect, test } from 'vitest';
import type { corev1 } from '../../kube/index.ts';
import { serviceEnvironment } from './service-environment.ts';

function service(namespace: string, name: string, clusterIP: string, ports: corev1.ServicePort[]) {
  return { metadata: { namespace, name }, spec: { clusterIP, ports } } as corev1.Service;
}

const kubernetes = service('default', 'kubernetes', '10.43.0.1', [
  { name: 'https', port: 443, protocol: 'TCP' } as corev1.ServicePort,
]);
const redis = service('shop', 'redis-master', '10.43.7.7', [
  { port: 6379, protocol: 'TCP' } as corev1.ServicePort,
]);
const headless = service('shop', 'db', 'None', [{ port: 5432 } as corev1.ServicePort]);

test('gives the links of the namespace and of kubernetes', () => {
  expect(serviceEnvironment([kubernetes, redis, headless], 'shop', true)).toEqual({
    KUBERNETES_SERVICE_HOST: '10.43.0.1',
    KUBERNETES_SERVICE_PORT: '443',
    KUBERNETES_SERVICE_PORT_HTTPS: '443',
    KUBERNETES_PORT: 'tcp://10.43.0.1:443',
    KUBERNETES_PORT_443_TCP: 'tcp://10.43.0.1:443',
    KUBERNETES_PORT_443_TCP_PROTO: 'tcp',
    KUBERNETES_PORT_443_TCP_PORT: '443',
    KUBERNETES_PORT_443_TCP_ADDR: '10.43.0.1',
    REDIS_MASTER_SERVICE_HOST: '10.43.7.7',
    REDIS_MASTER_SERVICE_PORT: '6379',
    REDIS_MASTER_PORT: 'tcp://10.43.7.7:6379',
    REDIS_MASTER_PORT_6379_TCP: 'tcp://10.43.7.7:6379',
    REDIS_MASTER_PORT_6379_TCP_PROTO: 'tcp',
    REDIS_MASTER_PORT_6379_TCP_PORT: '6379',
    REDIS_MASTER_PORT_6379_TCP_ADDR: '10.43.7.7',
  });
});

test('keeps kubernetes alone when links are off', () => {
  const names = Object.keys(serviceEnvironment([kubernetes, redis], 'shop', false));
  expect(names.every((name) => name.startsWith('KUBERNETES_'))).toBe(true);
  expect(names).not.toHaveLength(0);
});
