import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BadRequest, type Invalid } from '../../base/index.ts';
import { jsonPatch } from './json-patch.ts';
import { mergePatch } from './merge-patch.ts';

describe('jsonPatch', () => {
  test('applies every operation in order and leaves its argument alone', () => {
    const current = { a: { b: 1 }, list: [1, 2] };
    const operations = [
      { op: 'test', path: '/a/b', value: 1 },
      { op: 'replace', path: '/a/b', value: 2 },
      { op: 'add', path: '/list/-', value: 3 },
      { op: 'add', path: '/list/0', value: 0 },
      { op: 'copy', from: '/a', path: '/c' },
      { op: 'move', from: '/a/b', path: '/d~1e' },
      { op: 'remove', path: '/list/1' },
    ];
    expect(jsonPatch(current, operations)).toEqual({ a: {}, c: { b: 2 }, 'd/e': 2, list: [0, 2, 3] });
    expect(current).toEqual({ a: { b: 1 }, list: [1, 2] });
  });

  test('replaces the whole document', () => {
    expect(jsonPatch({ a: 1 }, [{ op: 'replace', path: '', value: { b: 2 } }])).toEqual({ b: 2 });
  });

  test('replaces a member that is not there, as evanphx/json-patch v4 does', () => {
    expect(jsonPatch({ a: 1 }, [{ op: 'replace', path: '/b', value: 2 }])).toEqual({ a: 1, b: 2 });
  });

  test.each([
    [{ op: 'test', path: '/a', value: 2 }, 'testing value /a failed: test failed'],
    [{ op: 'remove', path: '/b' }, 'remove operation does not apply: doc is missing path: /b: missing value'],
    [
      { op: 'replace', path: '/b/c', value: 1 },
      'replace operation does not apply: doc is missing key: /b/c: missing value',
    ],
    [
      { op: 'add', path: '/b/c', value: 1 },
      'add operation does not apply: doc is missing path: /b/c: missing value',
    ],
    [{ op: 'melt', path: '/b' }, 'Unexpected kind: melt'],
  ])('refuses %j as kube-apiserver does', (operation, message) => {
    try {
      jsonPatch({ a: 1 }, [operation]);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({
        code: 'Invalid',
        message: 'the server rejected our request due to an error in our request',
      });
      expect((error as Invalid).details.causes).toEqual([{ reason: 'UnexpectedServerResponse', message }]);
    }
  });

  test('refuses what is no list, and more than 10,000 operations', () => {
    expect(() => jsonPatch({}, { op: 'add' })).toThrow(BadRequest);
    const many = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '', value: {} }));
    expect(() => jsonPatch({}, many)).toThrow(
      'The allowed maximum operations in a JSON patch is 10000, got 10001',
    );
  });

  test('cannot reach the prototype', () => {
    try {
      jsonPatch({}, [{ op: 'add', path: '/__proto__/polluted', value: 1 }]);
    } catch (error) {
      expect(error).toMatchObject({ code: 'Invalid' });
    }
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

describe('mergePatch', () => {
  // RFC 7386 appendix A, those whose patch is an object.
  test.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j with %j is %j', (current, patch, result) => {
    expect(mergePatch(current, patch)).toEqual(result);
  });

  test('refuses a patch that is no object', () => {
    expect(() => mergePatch({}, [])).toThrow(BadRequest);
  });

  test('is idempotent', () => {
    const object = fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), fc.jsonValue({ maxDepth: 3 }));
    fc.assert(
      fc.property(object, object, (current, patch) => {
        const once = mergePatch(current, patch);
        expect(mergePatch(once, patch)).toEqual(once);
      }),
    );
  });
});
