import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { BadRequest, NotFound } from '../../../base/index.ts';
import type { CreateOptions, Libpod } from '../../../libpod/index.ts';
import type { FlagValues, Invocation } from '../../grammar/index.ts';
import { configuredFlags, withConfigured } from '../configuration/create-defaults.ts';
import type { ToolContext } from '../context.ts';
import { createOptionsOf, platformOf } from '../create/create-options.ts';
import { registryAccess } from '../image-commands/registry-access.ts';
import { TransferOutput } from '../image-commands/transfer-output.ts';
import { terminalSize } from '../terminal/session.ts';

const POLICIES = ['always', 'missing', 'never', 'newer'] as const;

/** What `run` and `create` do alike: options, image, pod, a container of the same name; then the container. */
export async function createContainer(
  { args, flags: given, program, commandLine }: Invocation,
  context: ToolContext,
  more: (options: CreateOptions) => CreateOptions = (options) => options,
): Promise<{ libpod: Libpod; id: string; options: CreateOptions }> {
  const conf = context.configuration();
  const flags = given.withConfigured(configuredFlags(conf, given.string('pod') !== undefined));
  const asked = more(
    createOptionsOf({
      ...{ flags, args, program, commandLine },
      absolute: (path) => resolve(path),
      caller: {
        environment: context.environment,
        readText: (path) => readFileSync(path === '-' ? '/dev/stdin' : path, 'utf8'),
      },
    }),
  );
  const { runtime } = context.libpodOptions();
  const options = withTerminalSize(withRuntime(withConfigured(asked, conf), runtime), context);
  const policy = pullPolicy(flags);
  const cidFile = flags.string('cidfile') || undefined;
  const file = cidFile === undefined ? undefined : await createIdFile(cidFile);
  try {
    if (flags.changed('kernel-memory'))
      context.stderr.write('The --kernel-memory flag is no longer supported. This flag is a noop.\n');
    const image =
      options.Podman?.Rootfs === undefined ? await imageFor(args[0]!, policy, flags, context) : '';
    const infraImage = isForNewPod(options) ? conf.engine.infra_image : undefined;
    if (infraImage) await imageFor(infraImage, 'missing', flags, context);
    const libpod = await context.libpod();
    const joined = await inItsPod(
      { ...options, Config: { ...options.Config, Image: image } },
      libpod,
      infraImage,
    );
    if (flags.bool('replace')) await removeNamed(libpod, options.Name);
    const { id, warnings } = await libpod.containers.create(joined);
    for (const warning of warnings) context.stderr.write(`${warning}\n`);
    await file?.write(id);
    return { libpod, id, options: joined };
  } finally {
    await file?.close();
  }
}

/** Its terminal begins with the size of ours: resizing comes when it may have asked already. */
function withTerminalSize(options: CreateOptions, { stdin, stdout }: ToolContext): CreateOptions {
  const size = options.Config.Tty ? terminalSize(stdin, stdout) : undefined;
  if (size === undefined) return options;
  return { ...options, HostConfig: { ...options.HostConfig, ConsoleSize: [size.rows, size.columns] } };
}

/** `--runtime`, as inspect shows it. */
function withRuntime(options: CreateOptions, runtime: string | undefined): CreateOptions {
  if (runtime === undefined) return options;
  return { ...options, HostConfig: { ...options.HostConfig, Runtime: runtime } };
}

async function createIdFile(path: string) {
  try {
    return await open(path, 'wx', 0o644);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw new BadRequest(
        `container id file exists. Ensure another container is not using it or delete ${path}`,
      );
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new BadRequest(`opening cidfile ${path}: no such file or directory`);
    throw error;
  }
}

function pullPolicy(flags: FlagValues): (typeof POLICIES)[number] {
  const text = (flags.string('pull') ?? '').toLowerCase();
  const policy =
    {
      true: 'missing',
      '': 'missing',
      ifnotpresent: 'missing',
      ifmissing: 'missing',
      false: 'never',
      ifnewer: 'newer',
    }[text] ?? text;
  if (!POLICIES.includes(policy as 'always'))
    throw new BadRequest(`unsupported pull policy ${JSON.stringify(flags.string('pull'))}`);
  return policy as (typeof POLICIES)[number];
}

/** The image is there afterwards. Progress goes to stderr. @returns what to make the container from */
async function imageFor(
  reference: string,
  policy: (typeof POLICIES)[number],
  flags: FlagValues,
  context: ToolContext,
): Promise<string> {
  const images = await context.images();
  const isTransport = /^(?:docker-archive|oci-archive|oci|dir|docker):/.test(reference);
  const found =
    policy === 'always' || policy === 'newer' || isTransport ? undefined : await images.resolve(reference);
  const platform = platformOf(flags);
  if (found !== undefined && fits(platform, found)) return reference;
  if (policy === 'never') throw new NotFound(`${reference}: image not known`);
  const [os, architecture, variant] = (platform ?? '').split('/');
  const isQuiet = flags.bool('quiet');
  const output = new TransferOutput(context.stderr);
  const { id } = await images.pull(reference, {
    policy: isTransport ? 'always' : policy,
    ...registryAccess(context, flags),
    ...(platform !== undefined && {
      platform: { os: os!, ...(architecture && { architecture }), ...(variant && { variant }) },
    }),
    ...(!isQuiet && { onProgress: output.tell }),
  });
  if (!isQuiet && isTransport) {
    const short = (digest: string) => digest.replace('sha256:', '').slice(0, 12);
    const layers = (await images.resolve(id))?.layers ?? [];
    const lines = [
      ...layers.map((layer) => `Copying blob ${short(layer)} done`),
      `Copying config ${short(id)} done`,
    ];
    context.stderr.write(`Getting image source signatures\n${lines.join('\n')}\n`);
  }
  if (!isQuiet) context.stderr.write('Writing manifest to image destination\nStoring signatures\n');
  // Other transports' references are no names of local images.
  return isTransport ? id : reference;
}

function fits(
  platform: string | undefined,
  image: { os?: string; architecture?: string; variant?: string },
): boolean {
  if (platform === undefined) return true;
  const [os, architecture, variant] = platform.split('/');
  const canonical = { x86_64: 'amd64', aarch64: 'arm64' }[architecture ?? ''] ?? architecture;
  return (
    (os === '' || image.os === undefined || os === image.os) &&
    (!canonical || image.architecture === undefined || canonical === image.architecture) &&
    (!variant || variant === (image.variant ?? ''))
  );
}

async function removeNamed(libpod: Libpod, name: string | undefined): Promise<void> {
  if (name === undefined) throw new BadRequest('cannot replace container without --name being set');
  if (await libpod.containers.exists(name)) await libpod.containers.remove(name, { force: true });
}

function isForNewPod({ Podman }: CreateOptions): boolean {
  return Podman?.Pod?.startsWith('new:') === true;
}

/** `--pod new:NAME` makes the pod, which then has the container's ports, networks and host name. */
async function inItsPod(
  options: CreateOptions,
  libpod: Libpod,
  infraImage: string | undefined,
): Promise<CreateOptions> {
  if (!isForNewPod(options)) return options;
  const name = options.Podman!.Pod!.slice('new:'.length);
  if (name === '') throw new BadRequest('new pod name must be at least one character');
  const { PortBindings, PublishAllPorts, NetworkMode, Dns, DnsOptions, DnsSearch, ExtraHosts, ...rest } =
    options.HostConfig;
  const { Hostname, ...config } = options.Config;
  const { NetworkingConfig, Podman, ...others } = options;
  await libpod.pods.create({
    name,
    ...(infraImage && { infraImage }),
    ...(Hostname !== undefined && { hostname: Hostname }),
    hostConfig: {
      ...(PortBindings && { PortBindings }),
      ...(PublishAllPorts && { PublishAllPorts }),
      ...(NetworkMode && { NetworkMode }),
      ...(Dns && { Dns }),
      ...(DnsOptions && { DnsOptions }),
      ...(DnsSearch && { DnsSearch }),
      ...(ExtraHosts && { ExtraHosts }),
      ...(rest.UsernsMode && { UsernsMode: rest.UsernsMode }),
    },
    ...(NetworkingConfig && { networkingConfig: NetworkingConfig }),
    createCommand: Podman?.CreateCommand ?? [],
  });
  return { ...others, Config: config, HostConfig: rest, Podman: { ...Podman, Pod: name } };
}
