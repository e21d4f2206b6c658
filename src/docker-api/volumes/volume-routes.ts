import { AlreadyExists, Conflict } from '../../base/index.ts';
import type { VolumeConfig } from '../../libpod/index.ts';
import { readFields } from '../containers/body-reader.ts';
import type { ApiContext } from '../context.ts';
import type { Exchange } from '../http/exchange.ts';
import { filterFlag } from '../http/filters.ts';
import type { Handler } from '../http/http-server.ts';
import type { Route } from '../http/router.ts';

export function volumeRoutes(context: ApiContext): Route<Handler>[] {
  return [
    { method: 'GET', path: '/volumes', handler: (x) => list(context, x) },
    { method: 'POST', path: '/volumes/create', handler: (x) => create(context, x) },
    { method: 'POST', path: '/volumes/prune', handler: (x) => prune(context, x) },
    {
      method: 'GET',
      path: '/volumes/{name}',
      handler: async (x) => x.send(200, volumeShape(await context.libpod.volumes.inspect(x.name()))),
    },
    {
      method: 'DELETE',
      path: '/volumes/{name}',
      handler: async (x) => {
        await remove(context, x);
        x.done();
      },
    },
  ];
}

export function volumeShape(volume: VolumeConfig): Record<string, unknown> {
  const hasOptions = Object.keys(volume.Options).length > 0;
  return {
    CreatedAt: volume.CreatedAt,
    Driver: volume.Driver,
    Labels: volume.Labels,
    Mountpoint: volume.Mountpoint,
    Name: volume.Name,
    Options: hasOptions ? volume.Options : null,
    Scope: 'local',
  };
}

async function list({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const filters = x.filters(['dangling', 'driver', 'label', 'name']);
  filterFlag(filters, 'dangling');
  const volumes = await libpod.volumes.list(filters);
  x.send(200, { Volumes: volumes.map(volumeShape), Warnings: null });
}

/** One of that name with the same driver and options is given back. */
async function create({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const fields = { Name: 'string', Driver: 'string', DriverOpts: 'map', Labels: 'map' } as const;
  const { Name, ...wanted } = readFields(await x.json(), fields, '') as {
    Name?: string;
    Driver?: string;
    DriverOpts?: Record<string, string>;
    Labels?: Record<string, string>;
  };
  try {
    x.send(201, volumeShape(await libpod.volumes.create({ ...wanted, ...(Name && { Name }) })));
  } catch (error) {
    if (!(error instanceof AlreadyExists) || !Name) throw error;
    const there = await libpod.volumes.inspect(Name);
    if (!isSame(there, wanted)) throw error;
    x.send(201, volumeShape(there));
  }
}

function isSame(
  there: VolumeConfig,
  wanted: { Driver?: string; DriverOpts?: Record<string, string> },
): boolean {
  const options = Object.entries(wanted.DriverOpts ?? {});
  return (
    (wanted.Driver ?? there.Driver) === there.Driver &&
    options.length === Object.keys(there.Options).length &&
    options.every(([key, value]) => there.Options[key] === value)
  );
}

/** Docker's force is for volumes that are gone, never for those in use. */
async function remove({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const name = x.name();
  if (x.flag('force') && !(await libpod.volumes.exists(name))) return;
  const users = await libpod.volumes.usersOf(name);
  if (users.length > 0) throw new Conflict(`remove ${name}: volume is in use - [${users.join(', ')}]`);
  await libpod.volumes.remove(name);
}

/** Since API 1.42 only volumes nobody named, unless `all`. */
async function prune({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const { all, ...filters } = x.filters(['all', 'label', 'label!', 'until']);
  const isAll = filterFlag({ ...(all && { all }) }, 'all') ?? !x.isAtLeast('1.42');
  const { deleted, reclaimedBytes } = await libpod.volumes.prune({
    ...filters,
    ...(!isAll && { anonymous: ['true'] }),
  });
  x.send(200, { VolumesDeleted: deleted, SpaceReclaimed: reclaimedBytes });
}
