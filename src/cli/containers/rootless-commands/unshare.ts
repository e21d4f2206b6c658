import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { BadRequest, NotFound } from '../../../base/index.ts';
import { anyArgs, type CommandDefinition, flag } from '../../grammar/index.ts';
import { programFile } from '../../program-file.ts';
import type { ToolContext } from '../context.ts';

export const unshare: CommandDefinition<ToolContext> = {
  usage: '[options] [COMMAND [ARG...]]',
  description:
    'Run a command in a modified user namespace: yours, with the ids of /etc/subuid, and the mounts of your containers.',
  examples: ['unshare id', 'unshare cat /proc/self/uid_map', 'unshare --rootless-netns ip addr'],
  flags: [
    flag(
      'bool',
      'rootless-netns',
      'Join the rootless network namespace, in which the bridges of networks are',
      { tools: ['podman'] },
    ),
  ],
  args: anyArgs,
  interspersed: false,
  run: async ({ args, flags }, { environment, root }) => {
    const { RootlessHostNetwork, rootlessFacts } = await import('../../../engine/index.ts');
    if (!rootlessFacts().isRootless) throw new BadRequest('please use unshare with rootless');
    const given = args.length > 0 ? args : environment.SHELL ? [environment.SHELL] : [];
    if (given.length === 0) throw new BadRequest('no command specified and no $SHELL specified');
    const enter = flags.bool('rootless-netns')
      ? await new RootlessHostNetwork([process.execPath, programFile()]).enter()
      : [];
    const command = [...enter, ...given];
    const program = findProgram(command[0]!, environment.PATH);
    const env: Record<string, string> = { CONTAINERS_GRAPHROOT: root };
    for (const [name, value] of Object.entries(environment)) if (value !== undefined) env[name] ??= value;
    // Node says once a process that execve is young; this process ends here.
    process.removeAllListeners('warning');
    return process.execve!(program, command, env);
  },
};

/** As the shell finds it. @throws NotFound in Go's words */
function findProgram(name: string, path = ''): string {
  const candidates = name.includes('/') ? [name] : path.split(delimiter).map((folder) => join(folder, name));
  for (const candidate of candidates) {
    try {
      accessSync(candidate, constants.X_OK);
      if (statSync(candidate).isFile()) return candidate;
    } catch {
      // Not there, or not executable: the next folder is asked.
    }
  }
  throw new NotFound(
    name.includes('/')
      ? `fork/exec ${name}: no such file or directory`
      : `exec: ${JSON.stringify(name)}: executable file not found in $PATH`,
  );
}
