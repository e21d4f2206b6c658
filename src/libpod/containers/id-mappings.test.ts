import { expect, test } from 'vitest';
import { autoSize, freeIds, keepId, parseAuto, parseMaps, withAsked } from './id-mappings.ts';

test('reads what --uidmap says and refuses what it does not', () => {
  expect(parseMaps(['0:200000:5000'], 'uidmap')).toEqual([{ containerId: 0, hostId: 200_000, size: 5000 }]);
  for (const wrong of ['0', 'a:1:1', '0:1:0', '0:1:2:3'])
    expect(() => parseMaps([wrong], 'uidmap')).toThrow('malformed');
});

test('gives ids that no other container has', () => {
  const ranges = [{ start: 100, length: 10 }];
  const taken = [{ containerId: 0, hostId: 102, size: 4 }];
  expect(freeIds(ranges, taken, 4)).toEqual([{ containerId: 0, hostId: 106, size: 4 }]);
  expect(freeIds(ranges, taken, 2)).toEqual([{ containerId: 0, hostId: 100, size: 2 }]);
  expect(() => freeIds(ranges, taken, 5)).toThrow('could not find enough available IDs');
});

test('lets the user of a namespace keep their number', () => {
  expect(keepId(3, 10)).toEqual([
    { containerId: 0, hostId: 1, size: 3 },
    { containerId: 3, hostId: 0, size: 1 },
    { containerId: 4, hostId: 4, size: 6 },
  ]);
});

test('reads the options of auto and puts asked ids where they are asked for', () => {
  expect(parseAuto('auto:size=9,uidmapping=2:7:1')).toEqual({
    ...{ size: 9, uids: [{ containerId: 2, hostId: 7, size: 1 }], gids: [] },
  });
  expect(() => parseAuto('auto:sise=9')).toThrow('sise');
  expect(
    withAsked([{ containerId: 0, hostId: 50, size: 5 }], [{ containerId: 2, hostId: 7, size: 1 }]),
  ).toEqual([
    { containerId: 0, hostId: 50, size: 2 },
    { containerId: 2, hostId: 7, size: 1 },
    { containerId: 3, hostId: 53, size: 2 },
  ]);
});

test('counts the accounts of the image, but not nobody', () => {
  expect(autoSize({ passwd: 'x:x:3000:1:\nnobody:x:65534:65534:', group: '', user: '' })).toBe(3001);
  expect(autoSize({ passwd: '', group: '', user: '' })).toBe(1024);
});
