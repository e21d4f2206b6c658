import { type CommandDefinition, minimumArgs } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';

const one = (args: readonly string[]) =>
  args.length === 1 ? undefined : `accepts 1 arg(s), received ${args.length}`;

export const tag: CommandDefinition<ToolContext> = {
  usage: 'IMAGE TARGET_NAME [TARGET_NAME...]',
  description: 'Adds one or more additional names to locally-stored image.',
  examples: ['tag 0e3bbc2 fedora:latest', 'tag httpd myregistryhost:5000/fedora/httpd:v2'],
  flags: [],
  args: minimumArgs(2),
  run: async ({ args: [image, ...names] }, context) => {
    const images = await context.images();
    for (const name of names) await images.tag(image!, domainFor(context, name));
    return 0;
  },
};

/** Docker's unqualified names are docker.io's. */
function domainFor(context: ToolContext, name: string): string {
  const isQualified = /^(?:[^/]*[.:][^/]*|localhost)\//.test(name);
  if (context.program !== 'docker' || isQualified) return name;
  return name.includes('/') ? `docker.io/${name}` : `docker.io/library/${name}`;
}

export const untag: CommandDefinition<ToolContext> = {
  usage: 'IMAGE [IMAGE...]',
  description: 'Removes one or more names from a locally-stored image.',
  examples: ['untag 0e3bbc2', 'untag imageID:latest otherImageName:latest'],
  flags: [],
  args: minimumArgs(1),
  run: async ({ args: [image, ...names] }, context) => {
    await (await context.images()).untag(image!, names);
    return 0;
  },
};

export const exists: CommandDefinition<ToolContext> = {
  usage: 'IMAGE',
  description: 'If the named image exists in local storage, the exit code is 0, otherwise it is 1.',
  examples: ['image exists ID', 'image exists IMAGE || pull IMAGE'],
  flags: [],
  args: one,
  run: async ({ args }, context) =>
    (await (await context.images()).resolve(args[0]!)) === undefined ? 1 : 0,
};

export const sign: CommandDefinition<ToolContext> = {
  usage: 'IMAGE [IMAGE...]',
  description: 'Create a signature file that can be used later to verify the image. Not supported.',
  flags: [],
  args: minimumArgs(1),
  run: async () => {
    const { BadRequest } = await import('../../../base/index.ts');
    throw new BadRequest('images are not signed here: image sign is not supported', {
      hint: 'sign with skopeo, cosign or gpg',
    });
  },
};
