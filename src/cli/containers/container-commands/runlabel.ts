import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { BadRequest, NotFound } from '../../../base/index.ts';
import { type CommandDefinition, flag, minimumArgs } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { splitWords } from './shell-words.ts';

const hidden = (name: string) =>
  flag('string', name, 'Optional parameter to pass for install', { hidden: true });

export const runlabel: CommandDefinition<ToolContext> = {
  usage: '[options] LABEL IMAGE [ARG...]',
  description: 'Executes a command as described by a container image label.',
  examples: [
    'container runlabel run imageID',
    'container runlabel install imageID arg1 arg2',
    'container runlabel --display run myImage',
  ],
  flags: [
    flag(
      'string',
      'authfile',
      'Path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to override',
    ),
    flag('string', 'cert-dir', 'Pathname of a directory containing TLS certificates and keys', {
      placeholder: 'Pathname',
    }),
    flag('string', 'creds', 'Credentials (USERNAME:PASSWORD) to use for authenticating to a registry', {
      placeholder: 'Credentials',
    }),
    flag('bool', 'display', 'Preview the command that the label would run'),
    flag('string', 'name,n', 'Assign a name to the container'),
    ...['opt1', 'opt2', 'opt3'].map(hidden),
    flag('bool', 'pull,p', 'Pull the image if it does not exist locally', { hidden: true, default: true }),
    flag('bool', 'quiet,q', 'Suppress output information when installing images'),
    flag('bool', 'replace', 'Replace existing container with a new one from the image'),
    flag('bool', 'tls-verify', 'Require HTTPS and verify certificates when contacting registries', {
      default: true,
    }),
  ],
  args: minimumArgs(2),
  run: async ({ args, flags }, context) => {
    const [label, reference, ...rest] = args as [string, string, ...string[]];
    const image = await imageOf(reference, flags.bool('quiet'), context);
    const text = Object.entries(image.config.Labels ?? {}).find(
      ([name]) => name.toLowerCase() === label.toLowerCase(),
    )?.[1];
    if (!text) throw new NotFound(`cannot find the value of label: ${label} in image: ${reference}`);
    const imageName = image.references[0] ?? image.id.replace(/^sha256:/, '');
    const named = image.id.replace(/^sha256:/, '').startsWith(reference) ? imageName : reference;
    const words = expandLabel([text, ...rest].join(' '), {
      IMAGE: imageName,
      NAME: flags.string('name') || basename(named).split(':')[0]!,
      ...{
        OPT1: flags.string('opt1') ?? '',
        OPT2: flags.string('opt2') ?? '',
        OPT3: flags.string('opt3') ?? '',
      },
      PWD: process.cwd(),
    });
    if (flags.bool('display')) {
      const shown = isOurs(words[0]!)
        ? [context.environment.PODMAN ?? process.argv[1]!, ...words.slice(1)]
        : words;
      context.stdout.write(`command: ${shown.join(' ')}\n`);
      return 0;
    }
    const name = words[words.indexOf('--name') + 1];
    const libpod = await context.libpod();
    if (flags.bool('replace') && words.includes('--name') && name && (await libpod.containers.exists(name)))
      await libpod.containers.remove(name, { force: true });
    return await runWords(words, flags.bool('quiet'), context);
  },
};

async function imageOf(reference: string, isQuiet: boolean, context: ToolContext) {
  const images = await context.images();
  if ((await images.resolve(reference)) === undefined) {
    if (!isQuiet) context.stderr.write(`Trying to pull ${reference}...\n`);
    await images.pull(reference, { policy: 'missing' });
  }
  const image = await images.resolve(reference);
  if (image === undefined) throw new NotFound(`${reference}: image not known`);
  return image;
}

function isOurs(program: string): boolean {
  return program === 'podman' || ['docker', 'podman'].includes(basename(program));
}

/** The label's words with its variables filled in; a word that was only an empty variable is gone. */
export function expandLabel(text: string, values: Readonly<Record<string, string>>): string[] {
  const words = splitWords(text);
  if (words === undefined || words.length === 0) throw new BadRequest(`label is no command: ${text}`);
  const [program, ...rest] = words as [string, ...string[]];
  const filled = rest.map((word) => {
    for (const name of ['IMAGE', 'NAME'] as const)
      if (word === name || word.endsWith(`=${name}`)) return word.slice(0, -name.length) + values[name];
    return word;
  });
  const expanded = [program, ...filled]
    .join(' ')
    .replace(/\$(?:\{(\w+)\}|(\w+))/g, (_, braced?: string, bare?: string) => values[braced ?? bare!] ?? '');
  return splitWords(expanded) ?? [program];
}

async function runWords(words: string[], isQuiet: boolean, context: ToolContext): Promise<number> {
  const [program, ...rest] = words as [string, ...string[]];
  const self = [process.execPath, process.argv[1]!, '--root', context.root];
  const [command, ...args] = isOurs(program) ? [...self, ...rest] : words;
  const child = spawn(command!, args, {
    stdio: isQuiet ? 'ignore' : 'inherit',
    env: { ...context.environment, PODMAN_RUNLABEL_NESTED: '1' },
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 125;
}
