import { createWriteStream } from 'node:fs';
import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BadRequest } from '../../../base/index.ts';
import { type BuildOptions, openBuilder } from '../../../engine/index.ts';
import { type CommandDefinition, type Invocation, maximumArgs } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { readSources } from './build-context.ts';
import { buildFlags } from './build-flags.ts';
import { buildOptions } from './build-options.ts';

export const build: CommandDefinition<ToolContext> = {
  usage: '[options] [CONTEXT]',
  description:
    'Builds an OCI or Docker image using instructions from one or more Containerfiles and a specified build context directory.',
  examples: [
    'build .',
    'build --creds=username:password -t imageName -f Containerfile.simple .',
    'build --layers --force-rm --tag imageName .',
  ],
  flags: buildFlags,
  args: maximumArgs(1),
  run: async (invocation, context) => {
    const { flags, args } = invocation;
    if (flags.changed('authfile')) await mustExist(flags.string('authfile')!);
    const options = buildOptions(invocation, context);
    const sources = await readSources(args[0], flags.strings('file'), context.stdin);
    // Two thirds of a cached build are loading and waiting for files: the parser is loaded while those are read.
    const parser = import('dockerfile-ast');
    const images = await context.images();
    await parser;
    const builder = await openBuilder({ directory: join(context.root, 'engine'), images });
    const { id, names } = await withOutput(invocation, context, (onOutput, signal) =>
      builder.build({ ...options, ...sources, onOutput, signal }),
    );
    if (options.quiet)
      context.stdout.write(`${context.program === 'docker' ? id : id.slice('sha256:'.length)}\n`);
    const list = flags.has('manifest') ? flags.string('manifest') : undefined;
    if (list) {
      await images.manifestLists.create(list, { amend: true });
      await images.manifestLists.add(list, id);
    }
    if (flags.changed('iidfile')) await writeFile(flags.string('iidfile')!, id);
    if (flags.bool('push')) for (const name of names) await images.push(name, options.registry);
    return 0;
  },
};

async function mustExist(path: string): Promise<void> {
  try {
    await access(path);
  } catch (cause) {
    throw new BadRequest(`checking authfile: stat ${path}: no such file or directory`, { cause });
  }
}

type OnOutput = NonNullable<BuildOptions['onOutput']>;

/** The streams, or `--logfile`; an interrupt ends the build and what it runs. */
async function withOutput<T>(
  { flags }: Invocation,
  { stdout, stderr }: ToolContext,
  work: (onOutput: OnOutput, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  const stop = () => abort.abort(new BadRequest('the build was interrupted'));
  const logPath = flags.string('logfile');
  const log = logPath === undefined ? undefined : createWriteStream(logPath, { flags: 'a', mode: 0o600 });
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    return await work(
      (text, stream) => (log ?? (stream === 'stdout' ? stdout : stderr)).write(text),
      abort.signal,
    );
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    if (log !== undefined) await new Promise<void>((resolve) => log.end(resolve));
  }
}
