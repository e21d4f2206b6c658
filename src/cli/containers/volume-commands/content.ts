import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BadRequest } from '../../../base/index.ts';
import { type CommandDefinition, exactArgs, flag, noArgs, rangeArgs } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';

/** Who `volume mount` mounts for: it stays until `volume unmount`. */
const BY_HAND = 'volume-mount';

export const exportVolume: CommandDefinition<ToolContext> = {
  usage: '[options] VOLUME',
  description: 'Allow content of volume to be exported into external tar.',
  examples: ['volume export myvol --output myvol.tar'],
  flags: [
    flag('string', 'output,o', 'Write to a specified file (default: stdout, which must be redirected)', {
      default: '/dev/stdout',
    }),
  ],
  args: exactArgs(1),
  run: async ({ args, flags }, context) => {
    const output = flags.string('output')!;
    if (output === '') throw new BadRequest('expects output path, use --output=[path]');
    const isStdout = output === '/dev/stdout' || output === '-';
    if (isStdout && context.stdout.isTTY)
      throw new BadRequest('cannot write to a terminal: use the --output flag or redirect');
    const { volumes } = await context.libpod();
    const tar = await volumes.export(args[0]!);
    if (isStdout) await pipeline(tar, context.stdout, { end: false });
    else await pipeline(tar, createWriteStream(output, { mode: 0o600 }));
    return 0;
  },
};

export const importVolume: CommandDefinition<ToolContext> = {
  usage: 'VOLUME [SOURCE]',
  description: 'Imports contents into a podman volume from specified tarball (.tar, .tar.gz, .tar.zst).',
  examples: ['volume import my_vol /home/user/import.tar', 'cat ctr.tar | podman volume import my_vol -'],
  flags: [],
  args: rangeArgs(1, 2),
  run: async ({ args }, context) => {
    const [volume = '', source = '-'] = args;
    const { volumes } = await context.libpod();
    // The volume's absence is told before that of the archive.
    await volumes.inspect(volume);
    await volumes.import(volume, source === '-' ? context.stdin : await readFrom(source));
    return 0;
  },
};

async function readFrom(path: string): Promise<Readable> {
  try {
    await (await open(path, 'r')).close();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw new BadRequest(`open ${path}: no such file or directory`, { cause });
  }
  return createReadStream(path);
}

export const mount: CommandDefinition<ToolContext> = {
  usage: 'NAME',
  description: 'Mount a volume and return the mountpoint',
  examples: ['volume mount myvol'],
  flags: [],
  args: exactArgs(1),
  run: async ({ args }, context) => {
    const options = context.libpodOptions();
    if (options.rootless !== undefined && context.environment._CONTAINERS_USERNS_CONFIGURED === undefined)
      throw new BadRequest(
        'cannot run command "podman volume mount" in rootless mode, must execute `podman unshare` first',
      );
    const { volumes } = await context.libpod();
    context.stdout.write(`${await volumes.mount(args[0]!, BY_HAND)}\n`);
    return 0;
  },
};

export const unmount: CommandDefinition<ToolContext> = {
  usage: 'NAME',
  description: 'Unmount a volume',
  examples: ['volume unmount myvol'],
  flags: [],
  args: exactArgs(1),
  run: async ({ args }, context) => {
    const { volumes } = await context.libpod();
    const { Name } = await volumes.inspect(args[0]!);
    await volumes.unmount(Name, BY_HAND);
    context.stdout.write(`${Name}\n`);
    return 0;
  },
};

export const reload: CommandDefinition<ToolContext> = {
  usage: '',
  description:
    'Check all configured volume plugins and update the libpod database with all available volumes.',
  flags: [],
  args: noArgs,
  // There are no volume plugins: nothing is to be told, as with Podman where none is configured.
  run: async () => 0,
};
