import { writeFile } from 'node:fs/promises';
import { BadRequest } from '../../../base/index.ts';
import type { ManifestListPlatform } from '../../../engine/index.ts';
import {
  type CommandDefinition,
  exactArgs,
  type FlagValues,
  flag,
  minimumArgs,
  rangeArgs,
  refusedFlag,
} from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { registryAccess, registryFlags } from '../image-commands/registry-access.ts';
import { TransferOutput } from '../image-commands/transfer-output.ts';

type Command = CommandDefinition<ToolContext>;

const platformFlags = [
  flag('strings', 'annotation', 'set an annotation for the specified image'),
  flag('string', 'arch', 'override the architecture of the specified image'),
  flag('strings', 'features', 'override the features of the specified image'),
  flag('string', 'os', 'override the OS of the specified image'),
  flag('string', 'os-version', 'override the OS version of the specified image'),
  flag('string', 'variant', 'override the Variant of the specified image'),
];

const insecure = flag(
  'bool',
  'insecure',
  'neither require HTTPS nor verify certificates when accessing the registry',
  { hidden: true },
);

export const create: Command = {
  usage: '[options] LIST [IMAGE...]',
  description: 'Creates manifest lists and image indexes.',
  examples: [
    'manifest create mylist:v1.11',
    'manifest create mylist:v1.11 arch-specific-image-to-add',
    'manifest create --all mylist:v1.11 transport:tagged-image-to-add',
  ],
  flags: [
    flag('bool', 'all', "add all of the lists' images if the images to add are lists"),
    flag('bool', 'amend,a', 'modify an existing list if one with the desired name already exists'),
    insecure,
    ...registryFlags,
  ],
  args: minimumArgs(1),
  run: async ({ args, flags }, context) => {
    const { manifestLists } = await context.images();
    const [name, ...images] = args;
    const id = await manifestLists.create(name!, { amend: flags.bool('amend') });
    for (const image of images)
      await manifestLists.add(name!, image, { all: flags.bool('all'), access: accessOf(context, flags) });
    context.stdout.write(`${id}\n`);
    return 0;
  },
};

export const add: Command = {
  usage: '[options] LIST IMAGE [IMAGE...]',
  description: 'Adds an image to a manifest list or image index.',
  examples: ['manifest add mylist:v1.11 image:v1.11-amd64', 'manifest add mylist:v1.11 transport:imageName'],
  flags: [
    flag('bool', 'all', "add all of the list's images if the image is a list"),
    ...platformFlags,
    insecure,
    ...registryFlags,
  ],
  args: minimumArgs(2),
  run: async ({ args, flags }, context) => {
    const { manifestLists } = await context.images();
    const [list, ...images] = args;
    let id = '';
    for (const image of images)
      id = await manifestLists.add(list!, image, {
        platform: platformOf(flags),
        all: flags.bool('all'),
        access: accessOf(context, flags),
      });
    context.stdout.write(`${id}\n`);
    return 0;
  },
};

export const annotate: Command = {
  usage: '[options] LIST IMAGE',
  description: 'Adds or updates information about an entry in a manifest list or image index.',
  examples: [
    'manifest annotate --annotation left=right mylist:v1.11 sha256:15352d97781ffdf357bf3459c037be3efac4133dc9070c2dce7eca7c05c3e736',
  ],
  flags: [
    ...platformFlags,
    flag('strings', 'os-features', 'override the OS features of the specified image'),
  ],
  args: exactArgs(2),
  run: async ({ args, flags }, context) => {
    const { manifestLists } = await context.images();
    const digest = await digestOf(context, args[1]!);
    context.stdout.write(`${await manifestLists.annotate(args[0]!, digest, platformOf(flags))}\n`);
    return 0;
  },
};

export const remove: Command = {
  usage: 'LIST IMAGE',
  description: 'Removes an image from a manifest list or image index.',
  examples: [
    'manifest remove mylist:v1.11 sha256:15352d97781ffdf357bf3459c037be3efac4133dc9070c2dce7eca7c05c3e736',
  ],
  flags: [],
  args: exactArgs(2),
  run: async ({ args }, context) => {
    const { manifestLists } = await context.images();
    if (!/^sha256:[0-9a-f]{64}$/.test(args[1]!))
      throw new BadRequest(
        `removing from manifest list ${args[0]}: invalid checksum digest format: ${args[1]}`,
      );
    context.stdout.write(`${await manifestLists.removeEntry(args[0]!, args[1]!)}\n`);
    return 0;
  },
};

export const rm: Command = {
  usage: 'LIST [LIST...]',
  description: 'Remove manifest list or image index from local storage.',
  examples: ['manifest rm mylist:v1.11'],
  flags: [],
  args: minimumArgs(1),
  run: async ({ args }, context) => {
    const { manifestLists } = await context.images();
    for (const list of args) {
      const { untagged, deleted } = await manifestLists.remove(list);
      for (const name of untagged) context.stdout.write(`Untagged: ${name}\n`);
      for (const id of deleted) context.stdout.write(`Deleted: ${id}\n`);
    }
    return 0;
  },
};

export const exists: Command = {
  usage: 'MANIFEST',
  description:
    'If the manifest list exists in local storage, manifest exists exits with 0, otherwise the exit code will be 1.',
  examples: ['manifest exists mylist'],
  flags: [],
  args: exactArgs(1),
  run: async ({ args }, context) => ((await (await context.images()).manifestLists.exists(args[0]!)) ? 0 : 1),
};

export const inspect: Command = {
  usage: 'IMAGE',
  description: 'Display the contents of a manifest list or image index that is here.',
  examples: ['manifest inspect localhost/list'],
  flags: [],
  args: exactArgs(1),
  run: async ({ args }, context) => {
    const list = await (await context.images()).manifestLists.inspect(args[0]!);
    context.stdout.write(`${JSON.stringify(list, null, 4)}\n`);
    return 0;
  },
};

export const push: Command = {
  usage: '[options] LIST DESTINATION',
  description: 'Pushes manifest lists and image indexes to registries.',
  examples: ['manifest push mylist:v1.11 docker://quay.io/myuser/image:v1.11'],
  flags: [
    flag('bool', 'all', 'also push the images in the list', { default: true }),
    flag('string', 'compression-format', 'compression format to use (gzip or zstd)'),
    flag(
      'string',
      'digestfile',
      'after copying the image, write the digest of the resulting digest to the file',
    ),
    flag(
      'string',
      'format,f',
      'manifest type (oci or v2s2) to attempt to use when pushing the manifest list',
    ),
    flag('bool', 'quiet,q', "don't output progress information when pushing lists"),
    flag('bool', 'remove-signatures', "don't copy signatures when pushing images"),
    flag('bool', 'rm', 'remove the manifest list if push succeeds'),
    ...(['sign-by', 'sign-by-sigstore-private-key', 'sign-passphrase-file'] as const).map((name) =>
      refusedFlag('string', name, 'Sign the image', 'images are not signed here'),
    ),
    insecure,
    ...registryFlags,
  ],
  args: rangeArgs(1, 2),
  run: async ({ args, flags }, context) => {
    const { manifestLists } = await context.images();
    const [list, destination = list] = args;
    const output = new TransferOutput(context.stderr);
    const { digest } = await manifestLists.push(list!, destination!, {
      all: flags.bool('all'),
      ...wireFormat(flags),
      access: accessOf(context, flags),
      ...(!flags.bool('quiet') && { onProgress: output.tell }),
    });
    if (!flags.bool('quiet')) context.stderr.write('Storing list signatures\n');
    const file = flags.string('digestfile');
    if (file) await writeFile(file, digest);
    if (flags.bool('rm')) await manifestLists.remove(list!);
    return 0;
  },
};

function accessOf(context: ToolContext, flags: FlagValues) {
  if (flags.bool('insecure') && flags.has('tls-verify') && flags.changed('tls-verify'))
    throw new BadRequest('--insecure may not be used with --tls-verify');
  return { ...registryAccess(context, flags), ...(flags.bool('insecure') && { tlsVerify: false }) };
}

function wireFormat(flags: FlagValues): { format?: 'oci' | 'docker'; compression?: 'gzip' | 'zstd' } {
  const format = flags.string('format') || undefined;
  const compression = flags.string('compression-format') || undefined;
  if (format !== undefined && format !== 'oci' && format !== 'v2s2' && format !== 'docker')
    throw new BadRequest(`unknown format "${format}". Choose one of the supported formats: 'oci', 'v2s2'`);
  if (compression !== undefined && compression !== 'gzip' && compression !== 'zstd')
    throw new BadRequest(`the compression format "${compression}" is not supported: gzip or zstd`);
  return {
    ...(format !== undefined && { format: format === 'oci' ? 'oci' : 'docker' }),
    ...(compression !== undefined && { compression }),
  };
}

function platformOf(flags: FlagValues): ManifestListPlatform {
  const text = (key: string, name: string) => {
    const value = flags.string(name);
    return value ? { [key]: value } : {};
  };
  const annotations: Record<string, string> = {};
  for (const given of flags.strings('annotation')) {
    const equals = given.indexOf('=');
    if (equals === -1) throw new BadRequest(`no value given for annotation "${given}"`);
    annotations[given.slice(0, equals)] = given.slice(equals + 1);
  }
  return {
    ...text('architecture', 'arch'),
    ...text('os', 'os'),
    ...text('osVersion', 'os-version'),
    ...text('variant', 'variant'),
    features: [...flags.strings('features')],
    ...(flags.has('os-features') && { osFeatures: [...flags.strings('os-features')] }),
    annotations,
  };
}

/** Of a digest, or of an image that is here. */
async function digestOf(context: ToolContext, text: string): Promise<string> {
  if (/^sha256:[0-9a-f]{64}$/.test(text)) return text;
  return (await (await context.images()).resolve(text))?.digest ?? text;
}
