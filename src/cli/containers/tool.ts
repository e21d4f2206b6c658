import { messageOf, OrreryError } from '../../base/index.ts';
import { CommandLine, UsageError } from '../grammar/index.ts';
import { createToolContext, type ToolContext } from './context.ts';
import { entries, groups } from './entries.ts';
import { globalFlags } from './global-flags.ts';
import { asksForRemote } from './remote-refusal.ts';
import { versionSpoken } from './version-spoken.ts';

/** Docker's and Podman's status of a command that failed by itself, not by its container. */
const FAILED = 125;

/** The container tool's command line, under the name it was called by. */
export function createTool(program: string, words: readonly string[] = []): CommandLine<ToolContext> {
  const isRemote = asksForRemote(words, process.env);
  return new CommandLine({
    program,
    summary: 'Manage pods, containers and images',
    description: 'Containers, images, builds, networks, volumes and pods, without a daemon and without root.',
    entries,
    groups,
    globals: isRemote ? globalFlags.filter((flag) => flag.name !== 'remote') : globalFlags,
    version: () => `${program} version ${versionSpoken(program)}`,
    write: (text) => process.stdout.write(text),
    context: async (invocation) => createToolContext(invocation),
  });
}

/** @returns the exit code: 125 for an error of ours, whatever the command says otherwise. */
export async function runTool(words: readonly string[], program: string): Promise<number> {
  try {
    const tool = createTool(program, words);
    if (words[0] === '__complete' || words[0] === '__completeNoDesc') {
      const { runCompletion } = await import('./completion/run-completion.ts');
      return await runCompletion(words, tool, program);
    }
    return await tool.run(words);
  } catch (error) {
    if (program === 'docker') return await explainAsDocker(error, words);
    process.stderr.write(explain(error, program));
    return error instanceof OrreryError && typeof error.details?.exitCode === 'number'
      ? error.details.exitCode
      : FAILED;
  }
}

/**
 * Docker's client tells what came from its daemon, in the daemon's words. Its status is 1, but of `run`, `create` and a
 * command line that cannot be read: 125; and of a command that cannot be run.
 */
async function explainAsDocker(error: unknown, words: readonly string[]): Promise<number> {
  const status = error instanceof OrreryError ? error.details?.exitCode : undefined;
  const { dockerError } = await import('./docker-error.ts');
  process.stderr.write((await dockerError(error)) ?? explain(error, 'docker'));
  if (status === 126 || status === 127) return status;
  const starts = words.includes('run') || words.includes('create');
  return error instanceof UsageError || starts ? FAILED : 1;
}

/** `Error: …`, as both tools say it; a hint where the tool is ours. */
function explain(error: unknown, program: string): string {
  const isPlain = error instanceof OrreryError && error.details?.isPlain === true;
  let text = `${isPlain ? '' : 'Error: '}${messageOf(error)}\n`;
  if (error instanceof UsageError && error.seeHelp !== undefined) text += `See '${error.seeHelp} --help'\n`;
  if (program === 'orrery' && error instanceof OrreryError && error.hint !== undefined)
    text += `hint: ${error.hint}\n`;
  if (process.env.ORRERY_DEBUG !== undefined && error instanceof Error) text += `${error.stack}\n`;
  return text;
}
