import { BadRequest } from '../../base/index.ts';
import { imageFilter } from '../../engine/index.ts';
import type { ApiContext } from '../context.ts';
import type { Exchange } from '../http/exchange.ts';
import { filterFlag } from '../http/filters.ts';
import type { Handler } from '../http/http-server.ts';
import type { Route } from '../http/router.ts';
import { dockerName, familiarName, findImage } from '../names.ts';
import { registryAuth } from '../registry-auth.ts';
import { historyItem, imageDetails, imageSummary } from './image-shapes.ts';

/** Images that are here: looking at them, naming and removing them, and archives of them. */
export function imageRoutes(context: ApiContext): Route<Handler>[] {
  return [
    { method: 'GET', path: '/images/json', handler: (x) => list(context, x) },
    { method: 'GET', path: '/images/search', handler: (x) => search(context, x) },
    { method: 'GET', path: '/images/get', handler: (x) => save(context, x, x.texts('names')) },
    { method: 'POST', path: '/images/load', handler: (x) => load(context, x) },
    { method: 'POST', path: '/images/prune', handler: (x) => prune(context, x) },
    { method: 'GET', path: '/images/{name*}/json', handler: (x) => inspect(context, x) },
    { method: 'GET', path: '/images/{name*}/history', handler: (x) => history(context, x) },
    { method: 'GET', path: '/images/{name*}/get', handler: (x) => save(context, x, [x.params.name!]) },
    { method: 'POST', path: '/images/{name*}/tag', handler: (x) => tag(context, x) },
    { method: 'DELETE', path: '/images/{name*}', handler: (x) => remove(context, x) },
  ];
}

const LIST_FILTERS = ['before', 'dangling', 'label', 'reference', 'since', 'until'];

async function list({ libpod, clock }: ApiContext, x: Exchange): Promise<void> {
  const filters = x.filters(LIST_FILTERS);
  filterFlag(filters, 'dangling');
  // Before API 1.41 a name could be given without the filters' JSON.
  const only = x.text('filter');
  if (only !== undefined) filters.reference = [...(filters.reference ?? []), only];
  const all = await libpod.images.describe();
  const find = async (name: string) => {
    const { image } = await findImage(libpod.images, name);
    return [name, all.find((one) => one.id === image.id)!] as const;
  };
  const asked = new Map(
    await Promise.all([...(filters.before ?? []), ...(filters.since ?? [])].map((name) => find(name))),
  );
  const passes = imageFilter(filters, { nowMs: clock.now(), find: (name) => asked.get(name)! });
  const showsAll = x.flag('all') || filters.dangling !== undefined;
  x.send(
    200,
    all
      .filter((image) => passes(image) && (showsAll || image.references.length > 0 || !image.hasChildren))
      .map((image) =>
        imageSummary(image, { namesNone: !x.isAtLeast('1.43'), hasVirtualSize: !x.isAtLeast('1.44') }),
      ),
  );
}

async function inspect({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const { reference } = await findImage(libpod.images, x.params.name!);
  x.send(200, imageDetails(await libpod.images.inspect(reference), !x.isAtLeast('1.44')));
}

async function history({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const { reference } = await findImage(libpod.images, x.params.name!);
  x.send(200, (await libpod.images.history(reference)).map(historyItem));
}

async function tag({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const repository = x.text('repo');
  if (repository === undefined) throw new BadRequest('invalid reference format');
  const name = dockerName(repository, x.text('tag'));
  if (name.includes('@')) throw new BadRequest('refusing to create a tag with a digest reference');
  const { reference } = await findImage(libpod.images, x.params.name!);
  await libpod.images.tag(reference, name);
  x.done(201);
}

async function remove({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const { reference } = await findImage(libpod.images, x.params.name!);
  const { untagged, deleted } = await libpod.images.removeImage(reference, {
    force: x.flag('force'),
    noPrune: x.flag('noprune'),
  });
  x.send(200, removals(untagged, deleted));
}

function removals(untagged: string[], deleted: string[]): object[] {
  return [
    ...untagged.map((name) => ({ Untagged: familiarName(name) })),
    ...deleted.map((id) => ({ Deleted: id.startsWith('sha256:') ? id : `sha256:${id}` })),
  ];
}

async function prune({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const { dangling, ...filters } = x.filters(['dangling', 'until', 'label', 'label!']);
  const all = dangling !== undefined && filterFlag({ dangling }, 'dangling') === false;
  const { untagged, deleted, reclaimedBytes } = await libpod.images.prune({ all, filters });
  x.send(200, { ImagesDeleted: removals(untagged, deleted), SpaceReclaimed: reclaimedBytes });
}

async function save({ libpod }: ApiContext, x: Exchange, names: string[]): Promise<void> {
  const wanted = names.flatMap((one) => one.split(','));
  if (wanted.length === 0) throw new BadRequest('no image is named (names)');
  const found = await Promise.all(wanted.map((name) => findImage(libpod.images, name)));
  const tar = await libpod.images.save(
    found.map(({ reference }) => reference),
    { format: 'docker-archive' },
  );
  x.open('application/x-tar');
  await x.pipe(tar);
}

async function load({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const loaded = await libpod.images.loadFrom(x.body, { defaultDomain: 'docker.io' });
  x.open('application/json');
  for (const { reference, id } of loaded) {
    const line =
      reference === undefined ? `Loaded image ID: ${id}\n` : `Loaded image: ${familiarName(reference)}\n`;
    await x.write(`${JSON.stringify({ stream: line })}\r\n`);
  }
  x.end();
}

async function search({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const term = x.text('term');
  if (term === undefined) throw new BadRequest('the parameter "term" is missing');
  const limit = x.integer('limit');
  if (limit !== undefined && (limit < 1 || limit > 100))
    throw new BadRequest(`limit ${limit} is outside the range of [1, 100]`);
  const credentials = registryAuth(x.request.headers['x-registry-auth']);
  const results = await libpod.images.search(term, {
    filters: x.filters(['is-official', 'is-automated', 'stars']),
    ...(limit !== undefined && { limit }),
    ...(credentials !== undefined && { credentials }),
  });

  x.send(
    200,
    results.map((one) => ({
      name: one.name,
      description: one.description,
      star_count: one.stars,
      is_official: one.official !== '',
      is_automated: one.automated !== '',
    })),
  );
}
