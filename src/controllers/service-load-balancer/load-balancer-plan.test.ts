import { expect, test } from 'vitest';
import type { corev1 } from '../../kube/index.ts';
import { isOurs, planLoadBalancer } from './load-balancer-plan.ts';

function service(
  name: string,
  ports: number[],
  parts: { age?: number; ip?: string; loadBalancerClass?: string } = {},
): corev1.Service {
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      creationTimestamp: new Date(1e12 - (parts.age ?? 0) * 1000).toISOString(),
    },
    spec: {
      type: 'LoadBalancer',
      ports: ports.map((port) => ({ port, protocol: 'TCP' })),
      ...(parts.loadBalancerClass && { loadBalancerClass: parts.loadBalancerClass }),
    },
    status: { loadBalancer: parts.ip === undefined ? {} : { ingress: [{ ip: parts.ip }] } },
  } as unknown as corev1.Service;
}

test('serves on the nodes unless another has one of its ports', () => {
  const holder = service('holder', [80, 443], { ip: '10.0.0.1' });
  const other = service('other', [443], { age: 100 });
  expect(planLoadBalancer(holder, [holder, other], ['10.0.0.1'])).toEqual({
    kind: 'serve',
    addresses: ['10.0.0.1'],
  });
  expect(planLoadBalancer(other, [holder, other], ['10.0.0.1'])).toEqual({
    kind: 'conflict',
    port: '443/TCP',
    holder: 'default/holder',
  });
});

test('of two that wait, the older one gets the port', () => {
  const old = service('old', [80], { age: 10 });
  const young = service('young', [80]);
  expect(planLoadBalancer(old, [young, old], []).kind).toBe('serve');
  expect(planLoadBalancer(young, [young, old], []).kind).toBe('conflict');
});

test('services of another class are not ours and hold nothing', () => {
  const foreign = service('foreign', [80], { ip: '1.2.3.4', loadBalancerClass: 'x/y' });
  expect(isOurs(foreign)).toBe(false);
  expect(planLoadBalancer(service('mine', [80]), [foreign], []).kind).toBe('serve');
});
