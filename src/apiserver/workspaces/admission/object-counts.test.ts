import { expect, test } from 'vitest';
import { ObjectCounts, type Room } from './object-counts.ts';

function counted(stored: number) {
  const state = { stored, nowMs: 0, asked: 0 };
  const count = async () => {
    state.asked += 1;
    return state.stored;
  };
  const counts = new ObjectCounts(count, { now: () => state.nowMs });
  const store = async (limit: number) => {
    const room = await counts.take('a', limit);
    if (typeof room === 'number') return room;
    state.stored += 1;
    room.settle(true);
    return 'stored';
  };
  return { state, counts, store };
}

test('lets in as many as there may be, and counts once', async () => {
  const { state, store } = counted(3);
  expect([await store(5), await store(5), await store(5)]).toEqual(['stored', 'stored', 5]);
  expect(state.asked).toBe(1);
});

test('of many at once lets in no more than there is room for', async () => {
  const { counts } = counted(0);
  const rooms = await Promise.all(Array.from({ length: 20 }, () => counts.take('a', 5)));
  expect(rooms.filter((room) => typeof room !== 'number')).toHaveLength(5);
});

test('what was not stored after all leaves its room', async () => {
  const { counts } = counted(4);
  const room = (await counts.take('a', 5)) as Room;
  expect(await counts.take('a', 5)).toBe(5);
  room.settle(false);
  expect(await counts.take('a', 5)).toMatchObject({ settle: expect.any(Function) });
});

test('a deletion makes room at once, anything else that went within a second', async () => {
  const { state, counts, store } = counted(5);
  expect(await store(5)).toBe(5);
  state.stored = 4;
  expect(await store(5)).toBe(5);
  counts.noteDeletion('a');
  expect(await store(5)).toBe('stored');
  state.stored = 4;
  expect(await store(5)).toBe(5);
  state.nowMs = 1000;
  expect(await store(5)).toBe('stored');
});

test('what others made is counted after a while', async () => {
  const { state, store } = counted(0);
  expect(await store(5)).toBe('stored');
  state.stored = 5;
  state.nowMs = 10_000;
  expect(await store(5)).toBe(5);
});

test('a workspace that is full is not counted at each request', async () => {
  const { state, store } = counted(5);
  for (let request = 0; request < 100; request++) expect(await store(5)).toBe(5);
  expect(state.asked).toBe(1);
});
