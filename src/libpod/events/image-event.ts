import type { ImageEvent } from '../../engine/index.ts';
import type { LibpodEvent } from '../libpod.ts';

/** As it stands among the others. */
export function imageEvent({ status, id, name }: ImageEvent): Omit<LibpodEvent, 'Time'> {
  return { Type: 'image', Status: status, ID: id, Name: name };
}
