import { BadRequest, Conflict, NotFound } from '../../../base/index.ts';
import { anyArgs, type CommandDefinition, exactArgs, flag, noArgs } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { confirm } from './confirm.ts';
import { groupPorts } from './ps-rows.ts';
import { chooseOne, latestFlag, parseFilters } from './selection.ts';

export const rename: CommandDefinition<ToolContext> = {
  usage: 'CONTAINER NAME',
  description: 'The rename command allows you to rename an existing container',
  examples: ['rename containerA newName'],
  flags: [],
  args: exactArgs(2),
  run: async ({ args }, context) => {
    await (await context.libpod()).containers.rename(args[0]!, args[1]!);
    return 0;
  },
};

export const exists: CommandDefinition<ToolContext> = {
  usage: '[options] CONTAINER',
  description:
    'If the named container exists in local storage, container exists exits with 0, otherwise the exit code will be 1.',
  examples: [
    'container exists --external containerID',
    'container exists myctr || podman run --name myctr [etc...]',
  ],
  flags: [flag('bool', 'external', 'Check external storage containers as well as Podman containers')],
  args: exactArgs(1),
  run: async ({ args }, context) => ((await (await context.libpod()).containers.exists(args[0]!)) ? 0 : 1),
};

export const prune: CommandDefinition<ToolContext> = {
  usage: '[options]',
  description: 'Removes all non running containers',
  examples: ['container prune'],
  flags: [
    flag('stringArray', 'filter', "Provide filter values (e.g. 'label=<key>=<value>')"),
    flag('bool', 'force,f', 'Do not prompt for confirmation.  The default is false'),
  ],
  args: noArgs,
  run: async ({ flags }, context) => {
    if (!flags.bool('force')) {
      context.stdout.write('WARNING! This will remove all non running containers.\n');
      if (!(await confirm(context))) return 0;
    }
    const libpod = await context.libpod();
    const { deleted } = await libpod.containers.prune(parseFilters(flags.strings('filter')));
    for (const id of deleted) context.stdout.write(`${id}\n`);
    return 0;
  },
};

export const port: CommandDefinition<ToolContext> = {
  usage: '[options] CONTAINER [PORT]',
  description:
    'List port mappings for the CONTAINER, or look up the public-facing port that is NAT-ed to the PRIVATE_PORT',
  examples: ['port --all', 'port ctrID 80/tcp', 'port --latest 80'],
  flags: [
    flag('bool', 'all,a', 'Display port information for all containers', { tools: ['podman'] }),
    latestFlag,
  ],
  args: anyArgs,
  run: async ({ args, flags }, context) => {
    const isAll = flags.bool('all');
    if (isAll && flags.bool('latest')) throw new BadRequest('--all and --latest cannot be used together');
    if (isAll && args.length > 0) throw new BadRequest('no arguments are needed with --all');
    if (args.length === 0 && !flags.bool('latest') && !isAll)
      throw new BadRequest('you must supply a running container name or id');
    if (args.length > 2) throw new BadRequest('`port` accepts at most 2 arguments');
    const libpod = await context.libpod();
    if (isAll) {
      for (const { id, ports } of await libpod.containers.list())
        for (const line of portLines(ports)) context.stdout.write(`${id.slice(0, 12)}\t${line}\n`);
      return 0;
    }
    const { container, rest } = await chooseOne(libpod, flags, args);
    const { ports } = await libpod.containers.inspect(container);
    if (rest[0] === undefined) {
      for (const line of portLines(ports)) context.stdout.write(`${line}\n`);
      return 0;
    }
    const [number, protocol = 'tcp', ...more] = rest[0].split('/');
    if (more.length > 0) throw new BadRequest(`port formats are port/protocol. '${rest[0]}' is invalid`);
    if (!/^\d+$/.test(number!))
      throw new BadRequest(`strconv.ParseUint: parsing ${JSON.stringify(number)}: invalid syntax`);
    const found = ports.filter((one) => one.containerPort === Number(number) && one.protocol === protocol);
    if (found.length === 0) throw new NotFound(`failed to find published port ${JSON.stringify(rest[0])}`);
    for (const one of found) context.stdout.write(`${one.hostIp || '0.0.0.0'}:${one.hostPort}\n`);
    return 0;
  },
};

function portLines(ports: Parameters<typeof groupPorts>[0]): string[] {
  return groupPorts(ports).flatMap(({ hostIp, hostPort, containerPort, protocol, count }) =>
    Array.from(
      { length: count },
      (_, i) => `${containerPort + i}/${protocol} -> ${hostIp || '0.0.0.0'}:${hostPort + i}`,
    ),
  );
}

export const checkHealth: CommandDefinition<ToolContext> = {
  usage: 'CONTAINER',
  description: 'run the health check of a container',
  examples: ['healthcheck run mywebapp'],
  flags: [],
  args: exactArgs(1),
  run: async ({ args }, context) => {
    const { status, exitCode } = await (await context.libpod()).containers.checkHealth(args[0]!);
    if (status === 'unhealthy' || status === 'stopped') context.stdout.write(`${status}\n`);
    return exitCode === 0 ? 0 : 1;
  },
};

export const cleanup: CommandDefinition<ToolContext> = {
  usage: '[options] CONTAINER [CONTAINER...]',
  description:
    'Cleans up mount points and network stacks on one or more containers from the host. The container name or ID can be used. This command is used internally when running containers, but can also be used if container cleanup has failed when a container exits.',
  examples: [
    'container cleanup --latest',
    'container cleanup ctrID1 ctrID2 ctrID3',
    'container cleanup --all',
  ],
  flags: [
    flag('bool', 'all,a', 'Cleans up all containers'),
    flag('string', 'exec', 'Clean up the given exec session instead of the container'),
    flag('bool', 'rm', 'After cleanup, remove the container entirely'),
    flag('bool', 'rmi', 'After cleanup, remove the image entirely', { refused: 'use rmi' }),
    latestFlag,
  ],
  args: anyArgs,
  run: async ({ args, flags }, context) => {
    const { checkSelection, choose } = await import('./selection.ts');
    const { forEachNamed } = await import('./several.ts');
    checkSelection(flags, args);
    const libpod = await context.libpod();
    const execId = flags.string('exec');
    if (execId) {
      await libpod.containers.exec.cleanup(execId);
      return 0;
    }
    await forEachNamed(context, await choose(libpod, flags, args), async ({ id, shown }) => {
      await libpod.containers.cleanup(id, { remove: flags.bool('rm') });
      context.stdout.write(`${shown}\n`);
    });
    return 0;
  },
};

/** Commands that are known by name and not there. */
function missing(usage: string, description: string, reason: string): CommandDefinition<ToolContext> {
  return {
    usage,
    description,
    flags: [flag('bool', 'all,a', 'All containers'), latestFlag],
    args: anyArgs,
    run: async ({ args, flags, program, path }) => {
      const { checkSelection } = await import('./selection.ts');
      checkSelection(flags, args);
      throw new Conflict(`${program} ${path} is not supported: ${reason}`);
    },
  };
}

export const checkpoint = missing(
  '[options] CONTAINER [CONTAINER...]',
  'Checkpoints one or more running containers.',
  'processes cannot be written to disk (CRIU is not used)',
);
export const restore = missing(
  '[options] CONTAINER [CONTAINER...]',
  'Restores a container from a checkpoint.',
  'processes cannot be read from disk (CRIU is not used)',
);
