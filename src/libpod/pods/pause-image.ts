import type { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import type { ImageLibrary } from '../../engine/index.ts';
import { pauseProgram } from './pause-program.ts';

/** Where the program is in the image. */
export const PAUSE_PATH = '/pause';

/** The image of infra containers, made here when it is not there yet. @returns its reference. */
export async function ensurePauseImage(images: ImageLibrary, reference: string): Promise<string> {
  if ((await images.resolve(reference)) !== undefined) return reference;
  const tar = pack();
  const program = pauseProgram(process.arch);
  tar.entry({ name: PAUSE_PATH.slice(1), mode: 0o755, mtime: new Date(0), uid: 0, gid: 0 }, program);
  tar.finalize();
  const layer = await images.addLayer(tar as unknown as Readable);
  await images.add({
    reference,
    layers: [layer],
    config: { Entrypoint: [PAUSE_PATH] },
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    createdAt: new Date(0).toISOString(),
    history: [{ created: new Date(0).toISOString(), created_by: 'the infra container of pods' }],
  });
  return reference;
}
