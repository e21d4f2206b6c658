import { join } from 'node:path';
import { BadRequest, NotFound } from '../../../base/index.ts';
import type { ToolContext } from '../context.ts';
import type { Inspected } from './inspect-report.ts';

export type ObjectType = 'container' | 'image' | 'volume' | 'network' | 'pod';

/** What is known of one thing. @throws NotFound */
export type Inspector = (name: string, context: ToolContext, options: { size: boolean }) => Promise<object>;

export async function inspectContainer(
  name: string,
  context: ToolContext,
  { size }: { size: boolean },
): Promise<object> {
  const libpod = await context.libpod();
  let found: Awaited<ReturnType<typeof libpod.containers.inspect>>;
  try {
    found = await libpod.containers.inspect(name, { size });
  } catch (error) {
    if (error instanceof NotFound) throw new NotFound(`no such container ${name}`, { cause: error });
    throw error;
  }
  const { inspectedContainer } = await import('./inspected-container.ts');
  const image = found.imageId === '' ? undefined : await libpod.engine.images.resolve(found.imageId);
  return inspectedContainer(found, image?.digest ?? '');
}

/** In the order in which a name is looked for. */
async function inspectImage(name: string, context: ToolContext): Promise<object> {
  const { podmanImage } = await import('../image-commands/image-inspect.ts');
  return podmanImage(await (await context.images()).inspect(name), join(context.root, 'engine/layers'));
}

async function inspectPod(name: string, context: ToolContext): Promise<object> {
  const { pods, containers } = await context.libpod();
  const pod = await pods.inspect(name);
  const { podData } = await import('../pod-commands/inspect.ts');
  return podData(pod, pod.infraId === undefined ? undefined : await containers.inspect(pod.infraId));
}

const INSPECTORS: Record<ObjectType, () => Promise<Inspector>> = {
  container: async () => inspectContainer,
  image: async () => inspectImage,
  volume: async () => (await import('../volume-commands/listing.ts')).inspectVolume,
  network: async () => {
    const { inspectNetwork } = await import('../network-commands/listing.ts');
    return async (name, context) => await inspectNetwork(name, context, context.program === 'docker');
  },
  pod: async () => inspectPod,
};

/** Finds each name among things of one type, or of any. Names that are nothing's have an error in their place. */
export async function inspectNames(
  names: readonly string[],
  type: ObjectType | 'all',
  context: ToolContext,
  options: { size: boolean },
): Promise<Inspected[]> {
  const found: Inspected[] = [];
  for (const name of names) {
    try {
      found.push({ data: await inspectOne(name, type, context, options) });
    } catch (error) {
      if (!(error instanceof NotFound) && !(error instanceof BadRequest)) throw error;
      found.push({ error });
    }
  }
  return found;
}

async function inspectOne(
  name: string,
  type: ObjectType | 'all',
  context: ToolContext,
  options: { size: boolean },
): Promise<object> {
  if (type !== 'all') return await (await INSPECTORS[type]())(name, context, options);
  for (const load of Object.values(INSPECTORS)) {
    try {
      return await (await load())(name, context, options);
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }
  throw new NotFound(`no such object: ${JSON.stringify(name)}`);
}
