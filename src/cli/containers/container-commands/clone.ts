import { BadRequest } from '../../../base/index.ts';
import type { ContainerInspect, CreateOptions, Libpod } from '../../../libpod/index.ts';
import { type CommandDefinition, flag } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { limitFlags } from '../create/create-flags.ts';
import { parseLimits } from '../create/resources.ts';
import { registryAccess } from '../image-commands/registry-access.ts';
import { TransferOutput } from '../image-commands/transfer-output.ts';

export const clone: CommandDefinition<ToolContext> = {
  usage: '[options] CONTAINER NAME IMAGE',
  description: 'Creates a copy of an existing container.',
  examples: ['container clone container_name new_name image_name'],
  flags: [
    ...limitFlags,
    flag('bool', 'destroy', 'destroy the original container'),
    flag('bool', 'force,f', 'force the existing container to be destroyed'),
    flag('string', 'name', 'Assign a name to the container'),
    flag('string', 'pod', 'Run container in an existing pod'),
    flag('bool', 'run', 'run the new container'),
  ],
  args: (args) =>
    args.length >= 1 && args.length <= 3
      ? undefined
      : `accepts between 1 and 3 arg(s), received ${args.length}`,
  run: async ({ args, flags, commandLine }, context) => {
    const [original, name = flags.string('name'), image] = args as [string, string?, string?];
    if (flags.bool('force') && !flags.bool('destroy'))
      throw new BadRequest('cannot set --force without --destroy: invalid argument');
    const limits = parseLimits(flags);
    const libpod = await context.libpod();
    const from = await libpod.containers.inspect(original);
    if (from.isInfra) throw new BadRequest(`cannot clone ${from.name}: it is the infra container of a pod`);
    const pod = flags.string('pod') || undefined;
    const copy: CreateOptions = {
      ...(pod === undefined ? from.options : inPod(from.options, (await libpod.pods.inspect(pod)).id)),
      Name: name || (await freeName(libpod, from.name)),
    };
    const { id, warnings } = await libpod.containers.create({
      ...copy,
      Config: {
        ...copy.Config,
        Image: image === undefined ? await imageOf(from, context) : await pulled(image, context),
      },
      HostConfig: { ...copy.HostConfig, ...limits },
      Podman: { ...copy.Podman, CreateCommand: [...commandLine] },
    });
    for (const warning of warnings) context.stderr.write(`${warning}\n`);
    if (flags.bool('destroy')) await libpod.containers.remove(from.id, { force: flags.bool('force') });
    if (flags.bool('run')) await libpod.containers.start(id);
    context.stdout.write(`${id}\n`);
    return 0;
  },
};

/** By its name while that means the same image still. A root file system of the user's own has none. */
async function imageOf(from: ContainerInspect, context: ToolContext): Promise<string> {
  const named = from.options.Config.Image;
  if (named === '' || from.options.Podman?.Rootfs !== undefined) return named;
  const found = await (await context.images()).resolve(named);
  return found?.id === from.imageId ? named : from.imageId;
}

async function pulled(reference: string, context: ToolContext): Promise<string> {
  const images = await context.images();
  if ((await images.resolve(reference)) === undefined)
    await images.pull(reference, {
      ...{ policy: 'missing', ...registryAccess(context) },
      onProgress: new TransferOutput(context.stderr).tell,
    });
  return reference;
}

/** Podman's: `NAME-clone`, `NAME-clone1`, … */
async function freeName(libpod: Libpod, name: string): Promise<string> {
  const first = `${name}-clone`;
  for (let number = 0; ; number++) {
    const wanted = number === 0 ? first : `${first}${number}`;
    if (!(await libpod.containers.exists(wanted))) return wanted;
  }
}

/** What members of a pod share is the pod's. */
function inPod(options: CreateOptions, podId: string): CreateOptions {
  const { NetworkingConfig: _networks, ...rest } = options;
  const {
    NetworkMode: _net,
    PortBindings: _ports,
    IpcMode: _ipc,
    UTSMode: _uts,
    ...host
  } = options.HostConfig;
  const { Hostname: _hostname, ...config } = options.Config;
  return {
    ...rest,
    Config: config,
    HostConfig: { ...host, NetworkMode: '' },
    Podman: { ...options.Podman, Pod: podId },
  };
}
