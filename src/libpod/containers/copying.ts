import type { Readable } from 'node:stream';
import { BadRequest } from '../../base/index.ts';
import type { Engine } from '../../engine/index.ts';
import type { PathStat } from '../libpod.ts';
import type { ContainerStore } from './container-store.ts';

/** Files between a container and the outside. */
export class Copying {
  readonly engine: Engine;
  readonly store: ContainerStore;

  constructor(engine: Engine, store: ContainerStore) {
    this.engine = engine;
    this.store = store;
  }

  async copyOut(_container: string, path: string): Promise<{ stat: PathStat; tar: Readable }> {
    throw new BadRequest(`copying ${path} is not supported`);
  }

  async copyIn(_container: string, folder: string, _tar: Readable, _options: object = {}): Promise<void> {
    throw new BadRequest(`copying to ${folder} is not supported`);
  }

  async statPath(_container: string, path: string): Promise<PathStat> {
    throw new BadRequest(`copying ${path} is not supported`);
  }
}
