import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cloneJson } from '../patch/json-value.ts';
import { arbitraryObject } from './arbitrary-object.test-suite.ts';
import { applyConstantDefaults } from './defaults.ts';

test('sets constants wherever their parent is', () => {
  const pod = {
    spec: {
      containers: [{ ports: [{ containerPort: 1 }, { protocol: 'UDP' }] }],
      volumes: [{ azureDisk: {} }],
    },
  };
  applyConstantDefaults('core/v1.Pod', pod);
  expect(pod).toEqual({
    spec: {
      containers: [{ ports: [{ containerPort: 1, protocol: 'TCP' }, { protocol: 'UDP' }] }],
      volumes: [{ azureDisk: { cachingMode: 'ReadWrite', fsType: 'ext4', readOnly: false, kind: 'Shared' } }],
    },
  });
});

test('makes no parents, and no zero values that Go would omit', () => {
  const pod = { spec: { imagePullSecrets: [{}] } };
  applyConstantDefaults('core/v1.Pod', pod);
  expect(pod).toEqual({ spec: { imagePullSecrets: [{}] } });
});

test('changes nothing the second time', () => {
  fc.assert(
    fc.property(arbitraryObject('core/v1.Pod', 6), (pod) => {
      applyConstantDefaults('core/v1.Pod', pod);
      const once = cloneJson(pod);
      applyConstantDefaults('core/v1.Pod', pod);
      expect(pod).toEqual(once);
    }),
    { numRuns: 50 },
  );
});
