import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { BadRequest } from '../../../base/index.ts';
import { type CommandDefinition, exactArgs, flag, refusedFlag } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { parseLabels } from '../network-commands/labels.ts';

/** One byte more than a secret may have tells that it is too long. */
const LIMIT_BYTES = 512_000;

export const create: CommandDefinition<ToolContext> = {
  usage: '[options] NAME FILE|-',
  description:
    'Create a secret. Input can be a path to a file or "-" (read from stdin). Secret drivers "file" (default) and "shell" are available.',
  examples: [
    'secret create mysecret /path/to/secret',
    'printf "secretdata" | podman secret create mysecret -',
  ],
  flags: [
    flag('string', 'driver,d', 'Specify secret driver', { default: 'file' }),
    flag('strings', 'driver-opts', 'Specify driver specific options', { tools: ['podman'] }),
    flag('bool', 'env', 'Read secret data from environment variable', { tools: ['podman'] }),
    flag('stringArray', 'label,l', 'Specify labels on the secret'),
    flag('bool', 'replace', 'If a secret with the same name exists, replace it', { tools: ['podman'] }),
    refusedFlag('string', 'template-driver', 'Template driver', 'not supported', { tools: ['docker'] }),
  ],
  args: exactArgs(2),
  run: async ({ args, flags }, context) => {
    const [name = '', source = ''] = args;
    const data = flags.bool('env') ? ofVariable(source, context) : await ofFile(source, context);
    const { secrets } = await context.libpod();
    const id = await secrets.create(name, data, {
      driver: flags.string('driver')!,
      driverOpts: parseLabels(flags.strings('driver-opts'), 'unable to process driver options'),
      labels: parseLabels(flags.strings('label'), 'unable to process labels'),
      replace: flags.bool('replace'),
    });
    context.stdout.write(`${id}\n`);
    return 0;
  },
};

function ofVariable(name: string, context: ToolContext): Buffer {
  const value = context.environment[name];
  if (value === undefined || value === '')
    throw new BadRequest(`cannot create store secret data: environment variable ${name} is not set`);
  return Buffer.from(value);
}

async function ofFile(path: string, context: ToolContext): Promise<Buffer> {
  if (path === '-' || path === '/dev/stdin') {
    if (context.stdin.isTTY) throw new BadRequest('if `-` is used, data must be passed into stdin');
    return await readLimited(context.stdin);
  }
  try {
    await (await open(path, 'r')).close();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw new BadRequest(`open ${path}: no such file or directory`, { cause });
  }
  return await readLimited(createReadStream(path));
}

async function readLimited(stream: AsyncIterable<Buffer | string>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(Buffer.from(chunk as Buffer));
    length += chunk.length;
    if (length >= LIMIT_BYTES) break;
  }
  return Buffer.concat(chunks);
}
