import { writeFile } from 'node:fs/promises';
import { BadRequest, Conflict } from '../../../base/index.ts';
import { type CommandDefinition, exactArgs, flag, minimumArgs } from '../../grammar/index.ts';
import { orreryVersion } from '../../version.ts';
import type { ToolContext } from '../context.ts';

export const generate: CommandDefinition<ToolContext> = {
  usage: '[options] {CONTAINER...|POD...|VOLUME...}',
  description:
    'Command generates Kubernetes Pod, Service or PersistenVolumeClaim YAML (v1 specification) from Podman containers, pods or volumes.\n\nWhether the input is for a container or pod, Podman will always generate the specification as a pod.',
  examples: ['kube generate ctrID', 'kube generate --service podID', 'kube generate volumeName'],
  flags: [
    flag('string', 'filename,f', 'Write output to the specified path'),
    flag('bool', 'service,s', 'Generate YAML for a Kubernetes service object'),
  ],
  args: minimumArgs(1),
  run: async ({ args, flags }, context) => {
    const { generateKube } = await import('../../../kube-play/index.ts');
    const text = await generateKube(await context.libpod(), {
      names: args,
      service: flags.bool('service'),
      creator: `orrery-${orreryVersion}`,
      warn: (line) => context.stderr.write(`${line}\n`),
    });
    const path = flags.string('filename') || undefined;
    if (path === undefined) context.stdout.write(`${text}\n`);
    else await writeNew(path, text);
    return 0;
  },
};

async function writeNew(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx', mode: 0o644 });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST')
      throw new BadRequest(`cannot write to ${JSON.stringify(path)}; file exists`);
    throw cause;
  }
}

/** Commands that are known by name and refused, with what does the same here. */
function refused(what: string, remedy: string): CommandDefinition<ToolContext> {
  return {
    usage: '{CONTAINER|POD}',
    description: `${what} are not written: ${remedy}.`,
    flags: [],
    args: exactArgs(1),
    run: async ({ program, path }) => {
      throw new Conflict(`${program} ${path} is not supported: ${remedy}`);
    },
  };
}

export const systemd = refused(
  'systemd units',
  "containers with --restart=always come back by one unit that runs 'orrery system boot' (docs/containers-after-reboot.md)",
);

export const spec = refused('Specgen files', "use 'inspect' or 'kube generate'");
