import { expect, test } from 'vitest';
import { layerLimit } from './layer-limit.ts';

test('the limit of layers is a size, or there is none', () => {
  expect(layerLimit({})).toEqual({});
  expect(layerLimit({ ORRERY_LAYER_LIMIT: '2g' })).toEqual({ layerLimitBytes: 2 * 1024 ** 3 });
  expect(() => layerLimit({ ORRERY_LAYER_LIMIT: 'much' })).toThrow('ORRERY_LAYER_LIMIT "much" is not a size');
});
