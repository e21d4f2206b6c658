import { BadRequest } from '../../../base/index.ts';
import type { PullOptions } from '../../../engine/index.ts';
import { type CommandDefinition, type FlagValues, flag, minimumArgs } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { registryAccess, registryFlags } from './registry-access.ts';
import { TransferOutput } from './transfer-output.ts';

export const platformFlags = [
  flag('string', 'arch', 'Use ARCH instead of the architecture of the machine for choosing images', {
    tools: ['podman'],
  }),
  flag('string', 'os', 'Use OS instead of the running OS for choosing images', { tools: ['podman'] }),
  flag('string', 'variant', 'Use VARIANT instead of the running architecture variant for choosing images', {
    tools: ['podman'],
  }),
  flag('string', 'platform', 'Specify the platform for selecting the image.  (Conflicts with arch and os)'),
];

/** @throws BadRequest */
export function platformOf(flags: FlagValues): NonNullable<PullOptions['platform']> {
  const platform = flags.string('platform');
  const [arch, os, variant] = [flags.string('arch'), flags.string('os'), flags.string('variant')];
  if (platform !== undefined && (arch !== undefined || os !== undefined))
    throw new BadRequest('--platform option can not be specified with --arch or --os');
  const parts = platform?.split('/') ?? [];
  const chosen = { os: parts[0] ?? os, architecture: parts[1] ?? arch, variant: parts[2] ?? variant };
  return Object.fromEntries(Object.entries(chosen).filter(([, value]) => value));
}

export const pull: CommandDefinition<ToolContext> = {
  usage: '[options] IMAGE [IMAGE...]',
  description: 'Pulls an image from a registry and stores it locally.',
  examples: ['pull imageName', 'pull fedora:latest', 'pull oci-archive:image.tar'],
  flags: [
    flag('bool', 'all-tags,a', 'All tagged images in the repository will be pulled'),
    flag('bool', 'quiet,q', 'Suppress output information when pulling images'),
    ...platformFlags,
    ...registryFlags,
  ],
  args: minimumArgs(1),
  run: async ({ args, flags }, context) => {
    const images = await context.images();
    const output = new TransferOutput(context.stderr);
    for (const reference of args) {
      const { id } = await images.pull(reference, {
        ...registryAccess(context, flags),
        platform: platformOf(flags),
        allTags: flags.bool('all-tags'),
        ...(!flags.bool('quiet') && { onProgress: output.tell }),
      });
      if (!flags.bool('quiet'))
        context.stderr.write('Writing manifest to image destination\nStoring signatures\n');
      context.stdout.write(`${id.replace('sha256:', '')}\n`);
    }
    return 0;
  },
};
