import { writeFile } from 'node:fs/promises';
import { BadRequest } from '../../../base/index.ts';
import type { PushOptions } from '../../../engine/index.ts';
import {
  type CommandDefinition,
  type FlagValues,
  flag,
  rangeArgs,
  refusedFlag,
} from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { registryAccess, registryFlags } from './registry-access.ts';
import { TransferOutput } from './transfer-output.ts';

const NO_SIGNING = 'images are not signed here';

export const push: CommandDefinition<ToolContext> = {
  usage: '[options] IMAGE [DESTINATION]',
  description: 'Pushes a source image to a specified destination.',
  examples: [
    'push imageID docker://registry.example.com/repository:tag',
    'push imageID oci-archive:/path/to/layout',
  ],
  flags: [
    flag(
      'string',
      'format,f',
      'Manifest type (oci or v2s2) to use in the destination (default is that of the source)',
      {
        tools: ['podman'],
      },
    ),
    flag('string', 'compression-format', 'Compression format to use (gzip or zstd)', { tools: ['podman'] }),
    flag('string', 'digestfile', 'Write the digest of the pushed image to the specified file', {
      tools: ['podman'],
    }),
    flag('bool', 'quiet,q', 'Suppress output information when pushing images'),
    flag('bool', 'remove-signatures', 'Discard any pre-existing signatures in the image', {
      tools: ['podman'],
    }),
    refusedFlag(
      'bool',
      'compress',
      'Compress layers when pushing to a directory',
      'layers go as they are kept',
      {
        tools: ['podman'],
      },
    ),
    refusedFlag('bool', 'all-tags,a', 'Push all tags of the image', 'name each tag'),
    ...(['sign-by', 'sign-by-sigstore-private-key', 'sign-passphrase-file'] as const).map((name) =>
      refusedFlag('string', name, 'Sign the image', NO_SIGNING, { tools: ['podman'] }),
    ),
    ...registryFlags,
  ],
  args: rangeArgs(1, 2),
  run: async ({ args, flags }, context) => {
    const images = await context.images();
    const output = new TransferOutput(context.stderr);
    const { digest } = await images.push(args[0]!, {
      ...registryAccess(context, flags),
      ...formatOf(flags),
      ...(args[1] !== undefined && { destination: args[1] }),
      ...(!flags.bool('quiet') && { onProgress: output.tell }),
    });
    if (!flags.bool('quiet')) context.stderr.write('Storing signatures\n');
    const file = flags.string('digestfile');
    if (file !== undefined) await writeFile(file, digest);
    return 0;
  },
};

function formatOf(flags: FlagValues): Pick<PushOptions, 'format' | 'compression'> {
  const format = flags.string('format');
  const compression = flags.string('compression-format');
  const formats: Record<string, 'oci' | 'docker'> = { oci: 'oci', v2s2: 'docker', docker: 'docker' };
  if (format !== undefined && formats[format] === undefined)
    throw new BadRequest(
      `unknown format ${JSON.stringify(format)}. Choose one of the supported formats: 'oci', 'v2s2'`,
    );
  if (compression !== undefined && compression !== 'gzip' && compression !== 'zstd')
    throw new BadRequest(
      `the compression format ${JSON.stringify(compression)} is not supported: gzip or zstd`,
    );
  return {
    ...(format !== undefined && { format: formats[format]! }),
    ...(compression !== undefined && { compression }),
  };
}
