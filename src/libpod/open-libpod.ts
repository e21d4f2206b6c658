import { OrreryError } from '../base/index.ts';
import type { Libpod, LibpodOptions } from './libpod.ts';

/** Opens libpod over its directories. Engineer C fills this in. */
export async function openLibpod(options: LibpodOptions): Promise<Libpod> {
  throw new OrreryError('EngineUnavailable', `libpod is not there yet: ${options.directory}`);
}
