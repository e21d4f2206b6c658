import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BadRequest } from '../../../base/index.ts';
import type { SaveOptions } from '../../../engine/index.ts';
import {
  anyArgs,
  type CommandDefinition,
  flag,
  maximumArgs,
  rangeArgs,
  refusedFlag,
} from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';

const signaturePolicy = flag('string', 'signature-policy', 'Path to a signature-policy file', {
  hidden: true,
  tools: ['podman'],
});

export const load: CommandDefinition<ToolContext> = {
  usage: '[options] [FILE]',
  description:
    'Loads an image from a locally stored archive (tar file), or from a folder, into container storage.',
  examples: ['load -i image.tar', 'load < image.tar'],
  flags: [
    flag('string', 'input,i', 'Read from specified archive file (default: stdin)'),
    flag('bool', 'quiet,q', 'Suppress the output'),
    signaturePolicy,
  ],
  args: maximumArgs(1),
  run: async ({ args, flags, program }, context) => {
    if (args.length > 0 && program === 'podman') throw new BadRequest('`podman load` takes no arguments');
    const given = flags.string('input') ?? args[0];
    const images = await context.images();
    const source = await sourceOf(given, context);
    const defaultDomain = program === 'podman' ? 'localhost' : 'docker.io';
    const loaded = await images
      .loadFrom(source, { defaultDomain, origin: given ?? '' })
      .catch((error: unknown) => {
        throw asPodmanSays(error);
      });
    for (const { reference, id } of loaded) context.stdout.write(`Loaded image: ${reference ?? id}\n`);
    return 0;
  },
};

function asPodmanSays(error: unknown): unknown {
  if (!(error instanceof BadRequest) || !/not a valid tar|holds no image|is empty/.test(error.message))
    return error;
  return new BadRequest(`payload does not match any of the supported image formats: ${error.message}`, {
    cause: error,
  });
}

async function sourceOf(
  given: string | undefined,
  context: ToolContext,
): Promise<Readable | { folder: string }> {
  if (given === undefined || given === '-') {
    if (context.stdin.isTTY)
      throw new BadRequest('cannot read from terminal, use command-line redirection or the --input flag');
    return context.stdin;
  }
  if (/^https?:\/\//.test(given)) return await download(given);
  const found = await stat(given).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new BadRequest(`stat ${given}: no such file or directory`, { cause: error });
  });
  return found.isDirectory() ? { folder: given } : createReadStream(given, { highWaterMark: 1 << 20 });
}

const FORMATS = ['oci-archive', 'oci-dir', 'docker-archive', 'docker-dir'] as const;

export const save: CommandDefinition<ToolContext> = {
  usage: '[options] IMAGE [IMAGE...]',
  description:
    'Save an image to docker-archive or oci-archive on the local machine. Default is docker-archive.',
  examples: ['save --quiet -o myimage.tar imageID', 'save --format oci-archive -o a.tar imageID'],
  flags: [
    flag('string', 'format', 'Save image to oci-archive, oci-dir, docker-archive or docker-dir', {
      default: 'docker-archive',
      tools: ['podman'],
    }),
    flag('string', 'output,o', 'Write to a specified file (default: stdout, which must be redirected)'),
    flag('bool', 'quiet,q', 'Suppress the output', { tools: ['podman'] }),
    flag(
      'bool',
      'multi-image-archive,m',
      'Interpret additional arguments as images not tags and create a multi-image-archive',
      { tools: ['podman'] },
    ),
    flag('bool', 'uncompressed', 'Accept uncompressed layers when copying OCI images', {
      tools: ['podman'],
    }),
    refusedFlag('bool', 'compress', 'Compress layers of docker-dir', 'layers are saved as they are kept', {
      tools: ['podman'],
    }),
    signaturePolicy,
  ],
  args: anyArgs,
  run: async ({ args, flags, program }, context) => {
    if (args.length === 0) throw new BadRequest('need at least 1 argument');
    const format = flags.string('format') as SaveOptions['format'];
    if (!FORMATS.includes(format)) throw new BadRequest(`format value must be one of ${FORMATS.join(' ')}`);
    const output = flags.string('output');
    const images = await context.images();
    if (format === 'oci-dir' || format === 'docker-dir') {
      if (output === undefined) throw new BadRequest(`--output is required for ${format}`);
      await images.saveToFolder(args[0]!, output, { format, uncompressed: flags.bool('uncompressed') });
      return 0;
    }
    if (output === undefined && context.stdout.isTTY)
      throw new BadRequest('refusing to save to terminal. Use -o flag or redirect');
    // To Podman further arguments are further names of the first image, unless asked for otherwise.
    const [first, ...furtherNames] = args;
    const uncompressed = flags.bool('uncompressed');
    const how = { format, uncompressed, ...(output !== undefined && { destination: output }) };
    const archive =
      program === 'podman' && !flags.bool('multi-image-archive')
        ? await images.save([first!], { ...how, furtherNames })
        : await images.save([...args], how);
    await writeOut(archive, output, context);
    return 0;
  },
};

async function writeOut(archive: Readable, output: string | undefined, context: ToolContext): Promise<void> {
  if (output === undefined) {
    for await (const chunk of archive) if (!context.stdout.write(chunk)) await once(context.stdout, 'drain');
    return;
  }
  try {
    await pipeline(archive, createWriteStream(output));
  } catch (error) {
    await rm(output, { force: true });
    throw error;
  }
}

export const importImage: CommandDefinition<ToolContext> = {
  usage: '[options] PATH [REFERENCE]',
  description: 'Create a container image from the contents of the specified tarball.',
  examples: ['import http://example.com/ctr.tar url-image', 'cat ctr.tar | import - image-imported'],
  flags: [
    flag(
      'stringArray',
      'change,c',
      'Apply an instruction to the image: CMD | ENTRYPOINT | ENV | EXPOSE | LABEL | ONBUILD | STOPSIGNAL | USER | VOLUME | WORKDIR',
    ),
    flag('string', 'message,m', 'Set commit message for imported image'),
    flag('string', 'os', 'Set the OS of the imported image', { tools: ['podman'] }),
    flag('string', 'arch', 'Set the architecture of the imported image', { tools: ['podman'] }),
    flag('string', 'variant', 'Set the variant of the imported image', { tools: ['podman'] }),
    flag('bool', 'quiet,q', 'Suppress output', { tools: ['podman'] }),
    signaturePolicy,
  ],
  args: rangeArgs(1, 2),
  run: async ({ args, flags }, context) => {
    const [path, reference] = args;
    const option = (key: string, name: string) => {
      const value = flags.string(name);
      return value === undefined ? {} : { [key]: value };
    };
    const images = await context.images();
    const { id } = await images.importRootfs(await tarOf(path!, context), {
      ...(reference !== undefined && { reference }),
      changes: [...flags.strings('change')],
      ...option('message', 'message'),
      ...option('os', 'os'),
      ...option('architecture', 'arch'),
      ...option('variant', 'variant'),
    });
    context.stdout.write(`${id}\n`);
    return 0;
  },
};

async function tarOf(path: string, context: ToolContext): Promise<Readable> {
  const source = await sourceOf(path, context);
  if ('folder' in source) throw new BadRequest(`${path} is a folder, not a tarball`);
  return source;
}

function download(url: string): Promise<Readable> {
  return new Promise((resolve, reject) => {
    const get = url.startsWith('https:') ? httpsGet : httpGet;
    get(url, (answer) => {
      if (answer.statusCode === 200) return resolve(answer);
      answer.destroy();
      reject(new BadRequest(`${url} answers ${answer.statusCode} ${answer.statusMessage}`));
    }).on('error', reject);
  });
}
