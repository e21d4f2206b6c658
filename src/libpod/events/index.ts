/** events: a door of its own for what is done with images alone, which needs nothing else of libpod. */
import { join } from 'node:path';
import type { LibpodOptions } from '../libpod.ts';
import { FileEvents } from './file-events.ts';

export { imageEvent } from './image-event.ts';

/** The events of the libpod of that directory, which need not be open. */
export function openEvents({
  directory,
  events,
  clock,
}: Pick<LibpodOptions, 'directory' | 'events' | 'clock'>): FileEvents {
  return new FileEvents({
    path: join(directory, 'libpod-events.log'),
    ...events,
    ...(clock !== undefined && { clock }),
  });
}
