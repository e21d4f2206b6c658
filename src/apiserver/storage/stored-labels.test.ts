import fc from 'fast-check';
import { expect, test } from 'vitest';
import { storedLabels } from './stored-labels.ts';

function labelsOf(object: object): unknown {
  return storedLabels(new TextEncoder().encode(JSON.stringify(object)));
}

const head = { kind: 'Pod', apiVersion: 'v1' };

test('finds the labels wherever they stand in the metadata', () => {
  const labels = { app: 'web', 'example.com/tier': '' };
  expect(labelsOf({ ...head, metadata: { labels } })).toEqual(labels);
  expect(labelsOf({ ...head, metadata: { name: 'a', generation: 3, labels, uid: 'x' } })).toEqual(labels);
});

test('takes no other labels for those of the object', () => {
  const labels = { app: 'inner' };
  const spec = { template: { metadata: { labels } } };
  expect(labelsOf({ ...head, metadata: { name: 'a' }, spec })).toBeUndefined();
  expect(labelsOf({ ...head, metadata: {}, spec })).toBeUndefined();
  expect(labelsOf({ ...head, metadata: { owner: { labels } }, spec })).toBeUndefined();
  const note = '{"metadata":{"labels":{"app":"quoted"}}} \\" "labels":{';
  expect(labelsOf({ ...head, metadata: { annotations: { note, labels: 'x' } }, spec })).toBeUndefined();
});

test('says what a parse of the whole says', () => {
  const text = fc.string({ unit: 'binary' });
  const metadata = fc.record(
    {
      name: text,
      generation: fc.integer(),
      annotations: fc.dictionary(text, text),
      labels: fc.dictionary(text, text),
      finalizers: fc.array(text),
      managedFields: fc.array(fc.jsonValue()),
      ended: fc.constant(null),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(metadata, fc.jsonValue(), (metadata, spec) => {
      const json = JSON.stringify({ ...head, metadata, spec });
      const { labels } = (JSON.parse(json) as { metadata: { labels?: object } }).metadata;
      expect(storedLabels(new TextEncoder().encode(json))).toEqual(labels);
    }),
    { numRuns: 100 },
  );
});
