import { expect, test } from 'vitest';
import type { KubeObject } from '../object.ts';
import { apiRegistrationResources } from './api-registration.ts';

const [apiServices] = apiRegistrationResources;

function apiService(service?: object): KubeObject & { status?: { conditions: object[] } } {
  const spec = { group: 'metrics.k8s.io', version: 'v1beta1', ...(service && { service }) };
  return { metadata: { name: 'v1beta1.metrics.k8s.io' }, spec } as unknown as KubeObject;
}

test('an APIService that names a service does not claim to be available', () => {
  const remote = apiService({ name: 'metrics-server', namespace: 'kube-system' });
  apiServices!.prepareForCreate!(remote);
  expect(remote.status?.conditions).toEqual([
    expect.objectContaining({ type: 'Available', status: 'False', reason: 'AggregationNotSupported' }),
  ]);
});

test('a local one is available until it begins to name a service', () => {
  const local = apiService();
  apiServices!.prepareForCreate!(local);
  expect(local.status?.conditions).toEqual([
    expect.objectContaining({ type: 'Available', status: 'True', reason: 'Local' }),
  ]);
  const again = apiService();
  apiServices!.prepareForUpdate!(again, local);
  expect(again.status).toEqual(local.status);
  const remote = apiService({ name: 'metrics-server', namespace: 'kube-system' });
  apiServices!.prepareForUpdate!(remote, local);
  expect(remote.status?.conditions).toEqual([expect.objectContaining({ status: 'False' })]);
});
