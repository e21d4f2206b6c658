import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BadRequest, Invalid } from '../../base/index.ts';
import { arbitraryObject } from '../schema/arbitrary-object.test-suite.ts';
import { typeInfo } from '../schema/fields.ts';
import { cloneJson, type JsonObject } from './json-value.ts';
import { strategicMergePatch } from './strategic-merge-patch.ts';
import { twoWayPatch } from './two-way-patch.test-suite.ts';

const pod = { ref: 'core/v1.Pod' };
const spec = (patchOrSpec: object) => ({ spec: patchOrSpec });
const patched = (current: object, patch: object) => strategicMergePatch(pod, current, patch);

describe('strategicMergePatch', () => {
  test('merges lists by their merge key and appends what is new', () => {
    const current = spec({
      containers: [{ name: 'a', image: '1', env: [{ name: 'X', value: '1' }] }, { name: 'b' }],
    });
    const patch = spec({
      containers: [
        { name: 'b', image: '2' },
        { name: 'c' },
        { name: 'a', env: [{ name: 'Y', value: null }] },
      ],
    });
    expect(patched(current, patch)).toEqual(
      spec({
        containers: [
          { name: 'b', image: '2' },
          { name: 'c' },
          { name: 'a', image: '1', env: [{ name: 'Y' }, { name: 'X', value: '1' }] },
        ],
      }),
    );
  });

  test('replaces lists without a merge strategy', () => {
    expect(patched(spec({ tolerations: [{ key: 'a' }] }), spec({ tolerations: [{ key: 'b' }] }))).toEqual(
      spec({ tolerations: [{ key: 'b' }] }),
    );
  });

  test('deletes fields by null and list items by $patch: delete', () => {
    const current = spec({ nodeName: 'n', containers: [{ name: 'a' }, { name: 'b' }] });
    expect(patched(current, spec({ nodeName: null, containers: [{ $patch: 'delete', name: 'a' }] }))).toEqual(
      spec({ containers: [{ name: 'b' }] }),
    );
  });

  test('replaces a list or a map where $patch: replace stands', () => {
    const current = {
      metadata: { labels: { a: '1', b: '2' } },
      ...spec({ containers: [{ name: 'a' }, { name: 'b' }] }),
    };
    const patch = {
      metadata: { labels: { $patch: 'replace', c: '3' } },
      ...spec({ containers: [{ $patch: 'replace' }, { name: 'c' }] }),
    };
    expect(patched(current, patch)).toEqual({
      metadata: { labels: { c: '3' } },
      ...spec({ containers: [{ name: 'c' }] }),
    });
  });

  test('retains only the keys named by $retainKeys', () => {
    const current = spec({ volumes: [{ name: 'v', emptyDir: {} }] });
    const patch = spec({
      volumes: [{ name: 'v', $retainKeys: ['name', 'secret'], secret: { secretName: 's' } }],
    });
    expect(patched(current, patch)).toEqual(spec({ volumes: [{ name: 'v', secret: { secretName: 's' } }] }));
  });

  test('deletes from and adds to sets of scalars', () => {
    const current = { metadata: { finalizers: ['a', 'b', 'c'] } };
    const patch = { metadata: { '$deleteFromPrimitiveList/finalizers': ['b'], finalizers: ['d'] } };
    expect(patched(current, patch)).toEqual({ metadata: { finalizers: ['d', 'a', 'c'] } });
  });

  test('orders by $setElementOrder and keeps what only the server has near its place', () => {
    const current = spec({ containers: [{ name: 'a' }, { name: 'server' }, { name: 'b' }] });
    const patch = spec({
      '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }],
      containers: [{ name: 'b', image: 'x' }],
    });
    expect(patched(current, patch)).toEqual(
      spec({ containers: [{ name: 'server' }, { name: 'b', image: 'x' }, { name: 'a' }] }),
    );
  });

  test('leaves no directive behind in what is new', () => {
    const patch = spec({
      containers: [{ name: 'a', '$setElementOrder/env': [{ name: 'X' }], env: [{ name: 'X', value: null }] }],
    });
    expect(patched({}, patch)).toEqual(spec({ containers: [{ name: 'a', env: [{ name: 'X' }] }] }));
  });

  test.each([
    [spec({ containers: [{ image: 'x' }] }), Invalid, 'does not contain declared merge key: name'],
    [spec({ containers: [{ $patch: 'burn', name: 'a' }] }), Invalid, 'unknown patch type: burn'],
    [{ $patch: { toString: 5 } }, Invalid, 'unknown patch type: {'],
    [spec({ $retainKeys: ['a'], nodeName: 'b' }), BadRequest, 'invalid patch format of retainKeys'],
    [spec({ '$setElementOrder/containers': 5 }), BadRequest, 'invalid patch format of setElementOrder list'],
  ])('refuses a malformed patch: %j', (patch, kind, message) => {
    const error = thrown(() => patched(spec({ containers: [{ name: 'a' }] }), patch));
    expect(error).toBeInstanceOf(kind);
    expect(JSON.stringify([(error as Error).message, (error as Invalid).details])).toContain(message);
  });

  test('changes neither argument', () => {
    const current = spec({ containers: [{ name: 'a' }] });
    const patch = spec({ containers: [{ name: 'a', image: 'x', $retainKeys: ['name', 'image'] }] });
    const before = cloneJson([current, patch]);
    patched(current, patch);
    expect([current, patch]).toEqual(before);
  });

  test('a two-way patch turns any object into any other', () => {
    for (const ref of ['core/v1.Pod', 'core/v1.Service', 'apps/v1.Deployment'])
      fc.assert(
        fc.property(arbitraryObject(ref, 6), arbitraryObject(ref, 6), (original, modified) => {
          const patch = twoWayPatch(typeInfo(ref), original as JsonObject, modified as JsonObject);
          expect(strategicMergePatch({ ref }, original, patch)).toEqual(modified);
        }),
        { numRuns: 150 },
      );
  });
});

function thrown(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
