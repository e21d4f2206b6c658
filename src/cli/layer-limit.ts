import { BadRequest } from '../base/index.ts';
import { ramBytes } from './containers/create/byte-sizes.ts';

/**
 * `ORRERY_LAYER_LIMIT`: how much one layer of an image may unpack to (`20g`), for every part that unpacks images.
 * Without it a layer may take what the disk has room for. @throws BadRequest
 */
export function layerLimit(environment: Readonly<Record<string, string | undefined>>): {
  layerLimitBytes?: number;
} {
  const text = environment.ORRERY_LAYER_LIMIT;
  if (!text) return {};
  try {
    return { layerLimitBytes: ramBytes(text) };
  } catch (error) {
    throw new BadRequest(`ORRERY_LAYER_LIMIT ${JSON.stringify(text)} is not a size`, {
      hint: 'a number with b, k, m, g or t: 20g',
      cause: error,
    });
  }
}
