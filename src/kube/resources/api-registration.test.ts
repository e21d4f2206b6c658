import { expect, test } from 'vitest';
import type { KubeObject } from '../object.ts';
import { apiRegistrationResources } from './api-registration.ts';

const [apiServices] = apiRegistrationResources;

function apiService(service?: object): KubeObject & { status?: { conditions: object[] } } {
  const spec = { group: 'metrics.k8s.io', version: 'v1beta1', ...(service && { service }) };
  return { metadata: { name: 'v1beta1.metrics.k8s.io' }, spec } as unknown as KubeObject;
}

test('an APIService that names a service claims nothing until somebody has looked', () => {
  const remote = apiService({ name: 'metrics-server', namespace: 'kube-system' });
  apiServices!.prepareForCreate!(remote);
  expect(remote.status).toEqual({});
});

test('a local one is available at once, and an update keeps what is known', () => {
  const local = apiService();
  apiServices!.prepareForCreate!(local);
  expect(local.status?.conditions).toEqual([
    expect.objectContaining({ type: 'Available', status: 'True', reason: 'Local' }),
  ]);
  const remote = apiService({ name: 'metrics-server', namespace: 'kube-system' });
  apiServices!.prepareForUpdate!(remote, local);
  expect(remote.status).toEqual(local.status);
});
