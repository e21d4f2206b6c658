import { describe, expect, test } from 'vitest';
import { factsFrom, isMapped, parseIdMap } from './facts.ts';
import { idMap, subordinateRanges } from './subordinate-ids.ts';

const WHOLE = '         0          0 4294967295\n';
const OURS = '         0       1000          1\n         1     100000      65536\n';

describe('what the maps of ids tell', () => {
  test('root of the host is neither rootless nor in a namespace', () => {
    const facts = factsFrom({ uidMap: WHOLE, gidMap: WHOLE, euid: 0, egid: 0 });
    expect(facts).toMatchObject({ isInUserNamespace: false, isRootless: false, uid: 0, gid: 0 });
  });

  test('the root of a namespace is the user who made it', () => {
    const facts = factsFrom({ uidMap: OURS, gidMap: OURS, euid: 0, egid: 0 });
    expect(facts).toMatchObject({ isInUserNamespace: true, isRootless: true, uid: 1000, gid: 1000 });
  });

  test('an ordinary user before entering is rootless and in no namespace', () => {
    const facts = factsFrom({ uidMap: WHOLE, gidMap: WHOLE, euid: 1000, egid: 100 });
    expect(facts).toMatchObject({ isInUserNamespace: false, isRootless: true, uid: 1000, gid: 100 });
  });

  test('an id past the ranges is not mapped', () => {
    const map = parseIdMap(OURS);
    expect([0, 1, 65_536, 65_537].map((id) => isMapped(map, id))).toEqual([true, true, true, false]);
  });
});

describe('subordinate ids', () => {
  const file = 'bob:300000:65536\nalice:100000:10\n1000:200000:20\n# alice:1:1\nalice:x:5\n';

  test('are the lines with the name or the number of the user', () => {
    expect(subordinateRanges(file, { name: 'alice', uid: 1000 })).toEqual([
      { start: 100_000, length: 10 },
      { start: 200_000, length: 20 },
    ]);
  });

  test('follow the own id one after the other', () => {
    const ranges = subordinateRanges(file, { name: 'alice', uid: 1000 });
    expect(idMap(1000, ranges)).toEqual([
      { inner: 0, outer: 1000, length: 1 },
      { inner: 1, outer: 100_000, length: 10 },
      { inner: 11, outer: 200_000, length: 20 },
    ]);
  });
});
