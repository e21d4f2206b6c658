import { expect, test } from 'vitest';
import { MetricRegistry } from './metrics.ts';

function counted() {
  const registry = new MetricRegistry();
  const description = { name: 'requests_total', help: 'Requests.', labels: ['verb', 'code'] };
  return { registry, requests: registry.counter(description) };
}

async function samples(registry: MetricRegistry): Promise<string[]> {
  return (await registry.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

test('label values make one cell, in their order', async () => {
  const { registry, requests } = counted();
  requests.at('get', '200').add(1);
  requests.at('get', '404').add(1);
  requests.at('200', 'get').add(1);
  requests.at('get', '200').add(1);
  expect(await samples(registry)).toEqual([
    'requests_total{verb="get",code="200"} 2',
    'requests_total{verb="get",code="404"} 1',
    'requests_total{verb="200",code="get"} 1',
  ]);
});

test('a removed cell is not shown and begins anew', async () => {
  const { registry, requests } = counted();
  requests.at('get', '200').add(5);
  requests.at('get', '404').add(1);
  requests.remove('get', '200');
  requests.remove('get', '500');
  requests.remove('put', '200');
  expect(await samples(registry)).toEqual(['requests_total{verb="get",code="404"} 1']);
  requests.at('get', '200').add(1);
  expect(await samples(registry)).toContain('requests_total{verb="get",code="200"} 1');
  requests.clear();
  expect(await samples(registry)).toEqual([]);
});

test('a family without labels has one cell', async () => {
  const registry = new MetricRegistry();
  const sizes = registry.gauge({ name: 'size', help: 'Size.' });
  sizes.at().set(3);
  sizes.at().set(4);
  expect(await samples(registry)).toEqual(['size 4']);
  sizes.remove();
  expect(await samples(registry)).toEqual([]);
});
