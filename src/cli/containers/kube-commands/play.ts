import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text as readStream } from 'node:stream/consumers';
import { BadRequest } from '../../../base/index.ts';
import type { PlayOptions } from '../../../kube-play/index.ts';
import {
  type CommandDefinition,
  exactArgs,
  type Flag,
  type FlagValues as Flags,
  FlagValues,
  flag,
} from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { networkFlags } from '../create/create-flags.ts';
import { parseNetworks } from '../create/networks.ts';
import { registryAccess } from '../image-commands/registry-access.ts';

const LONGEST_ANNOTATION = 63;

const playFlags: readonly Flag[] = [
  flag('strings', 'annotation', 'Add annotations to pods (key=value)'),
  flag(
    'string',
    'authfile',
    'Path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to override',
  ),
  flag('bool', 'build', 'Build all images in a YAML (given Containerfiles exist)'),
  flag('string', 'context-dir', 'Path to top level of context directory'),
  flag('string', 'cert-dir', 'Pathname of a directory containing TLS certificates and keys'),
  flag('strings', 'configmap', 'Pathname of a YAML file containing a kubernetes configmap'),
  flag('string', 'creds', 'Credentials (USERNAME:PASSWORD) to use for authenticating to a registry'),
  flag('bool', 'down', 'Stop pods defined in the YAML file', { hidden: true }),
  flag('strings', 'ip', 'Static IP addresses to assign to the pods'),
  flag('string', 'log-driver', 'Logging driver for the container'),
  flag('strings', 'log-opt', 'Logging driver options'),
  flag('strings', 'mac-address', 'Static MAC addresses to assign to the pods'),
  flag('stringArray', 'network', 'Connect pod to network(s) or network mode'),
  flag(
    'bool',
    'no-hosts',
    "Do not create /etc/hosts within the pod's containers, instead use the version from the image",
  ),
  flag('bool', 'quiet,q', 'Suppress output information when pulling images'),
  flag('bool', 'replace', 'Delete and recreate pods defined in the YAML file'),
  flag('string', 'seccomp-profile-root', 'Directory path for seccomp profiles', {
    default: '/var/lib/kubelet/seccomp',
  }),
  flag('bool', 'service-container', 'Starts a service container before all pods', { hidden: true }),
  flag('string', 'signature-policy', 'Pathname of signature policy file (not usually used)', {
    hidden: true,
  }),
  flag('bool', 'start', 'Start the pod after creating it', { default: true }),
  flag('bool', 'tls-verify', 'Require HTTPS and verify certificates when contacting registries', {
    default: true,
  }),
  flag('string', 'userns', 'User namespace to use'),
];

export const play: CommandDefinition<ToolContext> = {
  usage: '[options] KUBEFILE|-',
  description:
    'Reads in a structured file of Kubernetes YAML.\n\nCreates pods or volumes based on the Kubernetes kind described in the YAML. Supported kinds are Pods, Deployments, PersistentVolumeClaims, ConfigMaps and Secrets.',
  examples: [
    'kube play nginx.yml',
    'kube play --start=false apache.yml',
    'kube play https://example.com/nginx.yml',
  ],
  flags: playFlags,
  args: exactArgs(1),
  run: async ({ args, flags }, context) => {
    const annotations = annotationsOf(flags.strings('annotation'));
    const content = await readYaml(args[0]!, context);
    if (flags.bool('down')) return await takeDown(content, context);
    if (flags.bool('replace')) await takeDown(content, context);
    const { playKube } = await import('../../../kube-play/index.ts');
    const warnings: string[] = [];
    const build = await builderOf(flags, context);
    const report = await playKube(await context.libpod(), {
      ...(await playOptions(flags, { content, annotations })),
      registry: registryAccess(context, flags),
      ...(build && { build }),
      warn: (line) => warnings.push(line),
    });
    if (report.volumes.length > 0) context.stdout.write(`Volumes:\n${report.volumes.join('\n')}\n`);
    let failed = 0;
    for (const pod of report.pods) {
      const title = pod.containers.length === 1 ? 'Container:' : 'Containers:';
      context.stdout.write(`Pod:\n${pod.id}\n${title}\n${pod.containers.join('\n')}\n\n`);
      for (const error of pod.errors) context.stderr.write(`${error}\n`);
      failed += pod.errors.flatMap((error) => error.split('\n')).length;
    }
    // What runs is told first: scripts read the report's first lines, whatever else goes to the terminal.
    for (const line of warnings) context.stderr.write(`${line}\n`);
    if (failed > 0) throw new BadRequest(`failed to start ${failed} containers`);
    return 0;
  },
};

export const down: CommandDefinition<ToolContext> = {
  usage: 'KUBEFILE|-',
  description:
    'Reads in a structured file of Kubernetes YAML.\n\nRemoves pods that have been based on the Kubernetes kind described in the YAML.',
  examples: ['kube down nginx.yml', 'kube down https://example.com/nginx.yml'],
  flags: [],
  args: exactArgs(1),
  run: async ({ args }, context) => await takeDown(await readYaml(args[0]!, context), context),
};

async function takeDown(content: string, context: ToolContext): Promise<number> {
  const { downKube } = await import('../../../kube-play/index.ts');
  const { stopped, removed } = await downKube(await context.libpod(), content);
  context.stdout.write(['Pods stopped:', ...stopped, 'Pods removed:', ...removed, ''].join('\n'));
  return 0;
}

async function readYaml(source: string, context: ToolContext): Promise<string> {
  if (source === '-') return await readStream(context.stdin);
  if (!/^https?:\/\//.test(source)) {
    try {
      return await readFile(source, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
      throw new BadRequest(`open ${source}: no such file or directory`, { cause });
    }
  }
  const response = await fetch(source);
  if (!response.ok) throw new BadRequest(`GET ${source}: ${response.status} ${response.statusText}`);
  return await response.text();
}

function annotationsOf(values: readonly string[]): Record<string, string> {
  const annotations: Record<string, string> = {};
  for (const text of values) {
    const equals = text.indexOf('=');
    if (equals === -1) throw new BadRequest(`annotation ${JSON.stringify(text)} must include an '=' sign`);
    const value = text.slice(equals + 1);
    if (value.length > LONGEST_ANNOTATION)
      throw new BadRequest(
        `annotation exceeds maximum size, ${LONGEST_ANNOTATION}, of kubernetes annotation: ${value}`,
      );
    annotations[text.slice(0, equals)] = value;
  }
  return annotations;
}

/**
 * `--build`: an image is made of the folder of its last name, when one is there with a Containerfile in it; without
 * the flag only where the image is missing (podman-kube-play(1), "Podman Kube Play Building").
 */
async function builderOf(flags: Flags, context: ToolContext): Promise<PlayOptions['build']> {
  const isWanted = flags.changed('build') ? flags.bool('build') : undefined;
  const contextDir = flags.string('context-dir') || undefined;
  if (contextDir !== undefined && isWanted !== true)
    throw new BadRequest('--build must be specified when using --context-dir option');
  if (isWanted === false) return undefined;
  const base = contextDir ?? process.cwd();
  return async (image, isLocal) => {
    if (isLocal && isWanted !== true) return false;
    const folder = join(
      base,
      image
        .split('/')
        .at(-1)!
        .replace(/[:@].*$/, ''),
    );
    if (!(await hasContainerfile(folder))) return false;
    const { openBuilder } = await import('../../../engine/index.ts');
    const libpod = await context.libpod();
    const { imagesDirectory, runtime } = context.libpodOptions();
    const builder = await openBuilder({ directory: imagesDirectory, images: libpod.images });
    await builder.build({
      context: { folder },
      tags: [image],
      registry: registryAccess(context, flags),
      onOutput: (text) => context.stderr.write(text),
      ...(runtime !== undefined && { run: { runtime } }),
    });
    return true;
  };
}

async function hasContainerfile(folder: string): Promise<boolean> {
  for (const name of ['Containerfile', 'Dockerfile']) {
    const found = await stat(join(folder, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
      return undefined;
    });
    if (found?.isFile()) return true;
  }
  return false;
}

async function playOptions(
  flags: Flags,
  { content, annotations }: { content: string; annotations: Record<string, string> },
): Promise<Omit<PlayOptions, 'warn' | 'build' | 'registry'>> {
  const text = (name: string) => flags.string(name) || undefined;
  const given = flags.changed('network') ? new Map([['network', [...flags.strings('network')]]]) : new Map();
  const networks = parseNetworks(new FlagValues(networkFlags, given as Map<string, string[]>));
  return {
    content,
    annotations,
    configMaps: await Promise.all(
      flags.strings('configmap').map(async (name) => ({ name, content: await readFile(name, 'utf8') })),
    ),
    pods: {
      ...(flags.bool('no-hosts') && { noHosts: true }),
      ...(text('userns') !== undefined && { userns: text('userns')! }),
    },
    ...(networks.mode !== undefined && { networkMode: networks.mode }),
    endpoints: networks.endpoints,
    addresses: [...flags.strings('ip')],
    macAddresses: [...flags.strings('mac-address')],
    service: flags.bool('service-container'),
    start: flags.bool('start'),
    replace: flags.bool('replace'),
    ...(text('log-driver') !== undefined && { logDriver: text('log-driver')! }),
    ...(flags.changed('log-opt') && {
      logOptions: Object.fromEntries(
        flags.strings('log-opt').map((option) => {
          const [name, ...value] = option.split('=');
          return [name!, value.join('=')];
        }),
      ),
    }),
    seccompRoot: flags.string('seccomp-profile-root')!,
  };
}
