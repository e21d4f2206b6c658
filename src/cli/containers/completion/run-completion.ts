import { type CommandLine, FlagValues } from '../../grammar/index.ts';
import { createToolContext, type ToolContext } from '../context.ts';
import { globalFlags } from '../global-flags.ts';
import { complete } from './complete.ts';
import { existingNames } from './existing-names.ts';
import { pathsInside } from './paths-inside.ts';

/** Answers `__complete WORD…` and `__completeNoDesc WORD…`, which completion scripts call. */
export async function runCompletion(
  words: readonly string[],
  tool: CommandLine<ToolContext>,
  program: string,
): Promise<number> {
  const [name, ...rest] = words;
  const root = rest.indexOf('--root');
  const given = new Map(root >= 0 && rest[root + 1] ? [['root', [rest[root + 1]!]]] : []);
  const context = createToolContext({
    ...{ program, path: '', args: [], commandLine: [] },
    flags: new FlagValues([], new Map()),
    globals: new FlagValues(globalFlags, given),
  });
  const { output, errors } = await complete(rest, {
    tool,
    globals: globalFlags,
    withDescriptions: name === '__complete',
    namesOf: (kind, toComplete, command) => existingNames(context, kind, toComplete, command),
    pathsInside: (kind, name, typed) => pathsInside(context, kind, name, typed),
  });
  process.stdout.write(output);
  process.stderr.write(errors);
  return 0;
}
