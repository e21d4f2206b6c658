import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { COLOR_SELECTION, Divergence, Follower, type FollowerOptions, SELECTIONS } from './follower.ts';
import {
  COLLECTIONS,
  type Collection,
  Cut,
  definition,
  NAMESPACES,
  OTHER_VERSION,
  pathOf,
  Refused,
  type World,
} from './world.ts';

const SETTLE_MS = 15_000;

const follower: fc.Arbitrary<FollowerOptions> = fc
  .record({
    collection: fc.constantFrom(...COLLECTIONS, { ...COLLECTIONS[1]!, version: OTHER_VERSION }),
    namespace: fc.constantFrom(undefined, ...NAMESPACES),
    selection: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...SELECTIONS) },
      { weight: 1, arbitrary: fc.constant(COLOR_SELECTION) },
    ),
    view: fc.constantFrom('object' as const, 'metadata' as const, 'table' as const, 'table-object' as const),
    start: fc.constantFrom(
      'pages' as const,
      'whole' as const,
      'any' as const,
      'stream' as const,
      'watch-from-zero' as const,
    ),
    pageSize: fc.integer({ min: 1, max: 6 }),
    bookmarks: fc.boolean(),
    slownessMs: fc.constantFrom(0, 0, 0, 1, 5),
  })
  .map(({ namespace, ...options }) => ({
    ...options,
    ...(namespace !== undefined && { namespace }),
    // Only the custom kind can be selected by colour.
    ...(options.selection === COLOR_SELECTION &&
      options.collection.group === '' && { selection: SELECTIONS[1]! }),
    // A list that is streamed is no table.
    ...(options.start === 'stream' &&
      options.view.startsWith('table') && { start: 'watch-from-zero' as const }),
  }));

const write = fc.record({
  collection: fc.constantFrom(...COLLECTIONS),
  namespace: fc.constantFrom(...NAMESPACES),
  name: fc.nat(9).map((n) => `m${n}`),
  do: fc.constantFrom('create', 'apply', 'apply', 'patch', 'patch', 'replace', 'delete', 'delete-all'),
  odd: fc.constantFrom('0', '1', undefined),
  rare: fc.boolean(),
  color: fc.constantFrom('red', 'blue'),
});
type Write = typeof write extends fc.Arbitrary<infer T> ? T : never;

const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      writes: fc.array(write, { minLength: 1, maxLength: 60, size: 'max' }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('cut' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('compact' as const), back: fc.nat(30) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('restart' as const),
      how: fc.constantFrom('clean' as const, 'kill' as const),
      under: fc.array(write, { maxLength: 20 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('redefine' as const), note: fc.string() }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 40 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
);

export const scenario = fc.record({
  followers: fc.array(follower, { minLength: 2, maxLength: 10 }),
  steps: fc.array(step, { minLength: 3, maxLength: 25, size: 'max' }),
});
export type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

/** Plays it; rejects with a Divergence that says who differed from the truth, where, and how. */
export async function play(world: World, { followers: options, steps }: Scenario): Promise<Follower[]> {
  const ending = new AbortController();
  const followers = options.map((each) => new Follower(world, each, checkAtRevision(world)));
  const running = Promise.all(followers.map((each) => each.run(ending.signal)));
  try {
    for (const each of steps) {
      if (each.do === 'write') await Promise.all(each.writes.map((one) => perform(world, one)));
      else if (each.do === 'cut') world.cut();
      else if (each.do === 'compact') await world.compact(each.back);
      else if (each.do === 'restart') {
        const writing = Promise.all(each.under.map((one) => perform(world, one)));
        if (each.how === 'clean') await writing;
        await world.restart(each.how);
        await writing;
      } else if (each.do === 'redefine') await redefine(world, each.note);
      else if (each.do === 'wait') await delay(each.ms);
      else await settled(world, followers);
      throwFailures(followers);
    }
    await settled(world, followers);
    throwFailures(followers);
  } finally {
    ending.abort();
    world.cut();
    await running;
  }
  return followers;
}

/** What a follower knows must be what was there at the revision it stands at: not more, not less, not later. */
function checkAtRevision(world: World): (follower: Follower) => Promise<void> {
  return async (follower) => {
    const truth = await world.truth(follower.options.collection, follower.revision);
    if (truth === undefined) return;
    const difference = follower.difference(truth);
    if (difference !== undefined)
      throw new Divergence(`at ${follower.revision} ${described(follower)}: ${difference}`);
  };
}

/** Nobody writes: all come to the same. */
async function settled(world: World, followers: readonly Follower[]): Promise<void> {
  const deadline = Date.now() + SETTLE_MS;
  for (const each of followers) {
    for (;;) {
      throwFailures(followers);
      const truth = (await world.truth(each.options.collection, 'now'))!;
      const difference = each.phase === 'nothing' ? 'it has no state' : each.difference(truth);
      if (difference === undefined) break;
      if (Date.now() > deadline) throw new Divergence(`in the end ${described(each)}: ${difference}`);
      await delay(3);
    }
  }
}

function throwFailures(followers: readonly Follower[]): void {
  for (const each of followers)
    if (each.failure !== undefined)
      throw new Divergence(`${described(each)}: ${String(each.failure)}`, { cause: each.failure });
}

function described({ options, counts, phase }: Follower): string {
  const { collection, selection, ...rest } = options;
  return JSON.stringify({
    ...rest,
    collection: pathOf(collection),
    selection: selection.query,
    phase,
    counts,
  });
}

let serial = 0;

async function perform(world: World, one: Write): Promise<void> {
  const path = pathOf(one.collection, one.namespace);
  const labels = {
    ...(one.odd !== undefined && { odd: one.odd }),
    ...(one.rare && { rare: '' }),
  };
  const n = String(serial++);
  const content =
    one.collection.group === '' ? { data: { n, color: one.color } } : { spec: { n, color: one.color } };
  const apiVersion = one.collection.group === '' ? 'v1' : `${one.collection.group}/v1`;
  const head = { apiVersion, kind: one.collection.kind };
  const named = { ...head, metadata: { name: one.name, labels }, ...content };
  try {
    const { status, body } = await (() => {
      const at = `${path}/${one.name}`;
      // A body with an apiVersion is applied.
      if (one.do === 'apply')
        return world.send('PATCH', `${at}?fieldManager=${one.odd}&force=true`, { body: named });
      if (one.do === 'create') return world.send('POST', path, { body: named });
      // Only the built-in kind may be replaced whatever its version.
      if (one.do === 'replace' && one.collection.group === '') return world.send('PUT', at, { body: named });
      if (one.do === 'delete') return world.send('DELETE', at);
      if (one.do === 'delete-all') return world.send('DELETE', `${path}?labelSelector=rare`);
      // Merge patch: labels that are not named stay, null takes them away.
      const change = { odd: one.odd ?? null, rare: one.rare ? '' : null };
      return world.send('PATCH', at, { body: { metadata: { labels: change }, ...content } });
    })();
    if (status >= 400 && status !== 404 && status !== 409) throw new Refused(status, { one, body });
  } catch (error) {
    // Nobody knows whether it was done: the truth is what the server says.
    if (!(error instanceof Cut)) throw error;
  }
}

/** Ends the watches of the custom kind. */
async function redefine(world: World, note: string): Promise<void> {
  const { group, resource } = COLLECTIONS[1] as Collection;
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${resource}.${group}`;
  const { status, body } = await world.send('PATCH', path, { body: { spec: definition(note).spec } });
  if (status !== 200) throw new Refused(status, body);
}
