import { type CommandDefinition, flag, minimumArgs, noArgs } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';

/** `image pack` and `image check` are ours alone: neither Docker nor Podman has them. */
export const pack: CommandDefinition<ToolContext> = {
  usage: '[options] NAME PROGRAM [PROGRAM...]',
  description: 'Make a minimal image from programs of this host and the shared libraries they need.',
  examples: ['image pack local/node "$(which node)"'],
  flags: [
    flag('string', 'entrypoint', 'What runs: a JSON array or one word (default: the first program)'),
    flag('string', 'cmd', "The entrypoint's arguments: a JSON array or one word"),
    flag('stringArray', 'file', 'Put a further file of this host into the image: HOST:IMAGE'),
    flag('stringArray', 'env,e', 'Set a variable: NAME=VALUE'),
    flag('string', 'workdir,w', 'The working directory'),
    flag('string', 'user,u', 'The user it runs as'),
    flag('stringArray', 'expose', 'A port the image listens on: PORT[/PROTOCOL]'),
  ].map((one) => ({ ...one, tools: ['orrery'] as const })),
  args: minimumArgs(2),
  run: async ({ args: [name, ...programs], flags }, context) => {
    const { packImage } = await import('../../commands/image.ts');
    const option = (key: string) => {
      const value = flags.string(key);
      return value === undefined ? {} : { [key]: value };
    };
    await packImage(name!, programs, {
      dataDir: context.root,
      file: [...flags.strings('file')],
      env: [...flags.strings('env')],
      expose: [...flags.strings('expose')],
      ...option('entrypoint'),
      ...option('cmd'),
      ...option('workdir'),
      ...option('user'),
    });
    return 0;
  },
};

export const check: CommandDefinition<ToolContext> = {
  usage: '',
  description: 'Verify every blob of the image store against its digest.',
  flags: [],
  args: noArgs,
  run: async (_invocation, context) => {
    const { checkImages } = await import('../../commands/image.ts');
    await checkImages({ dataDir: context.root });
    return 0;
  },
};
