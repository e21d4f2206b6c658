import type { ContainerStatus } from '../../../libpod/index.ts';
import type { ToolContext } from '../context.ts';

/** Commands whose containers must be in certain states. */
const STATES: Record<string, readonly ContainerStatus[]> = {
  attach: ['running'],
  exec: ['running'],
  kill: ['running'],
  pause: ['running'],
  top: ['running'],
  unpause: ['paused'],
};

/** Names of containers, images and so on, for completion; ids from the second character on. */
export async function existingNames(
  context: ToolContext,
  kind: string,
  toComplete: string,
  command: string,
): Promise<string[]> {
  const withIds = toComplete.length > 1;
  const named = (things: readonly { name: string; id: string }[]) =>
    things.flatMap(({ name, id }) => (withIds ? [name, id.slice(0, 12)] : [name]));
  switch (kind) {
    case 'IMAGE': {
      const images = await (await context.images()).list();
      return images.flatMap(({ references, id }) => [
        ...references.flatMap((name) => [name, ...shorterNames(name, toComplete)]),
        ...(withIds ? [id.replace(/^sha256:/, '').slice(0, 12)] : []),
      ]);
    }
    case 'CONTAINER': {
      const states = STATES[command.split(' ').at(-1)!];
      const containers = await (await context.libpod()).containers.list({ all: true });
      return named(containers.filter(({ status }) => states === undefined || states.includes(status)));
    }
    case 'POD':
      return named(await (await context.libpod()).pods.list());
    case 'NETWORK':
      return named(
        (await (await context.libpod()).networks.list()).map(({ Name, Id }) => ({ name: Name, id: Id })),
      );
    case 'VOLUME':
      return (await (await context.libpod()).volumes.list()).map(({ Name }) => Name);
    case 'SECRET':
      return (await (await context.libpod()).secrets.list()).map(({ Spec }) => Spec.Name);
    case 'REGISTRY':
      return ['docker.io', 'quay.io'];
    default:
      return [];
  }
}

/** `localhost/a/b:c` is also `a/b:c` and `b:c`, once something is typed. */
function shorterNames(name: string, toComplete: string): string[] {
  if (toComplete === '') return [];
  const parts = name.split('/');
  return parts.slice(1).map((_, i) => parts.slice(i + 1).join('/'));
}
