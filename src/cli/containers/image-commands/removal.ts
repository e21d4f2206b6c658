import { BadRequest, Conflict, messageOf, NotFound, OrreryError } from '../../../base/index.ts';
import type { ImageLibrary } from '../../../engine/index.ts';
import { anyArgs, type CommandDefinition, flag, noArgs } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { parseFilters } from './listing.ts';

export const rmi: CommandDefinition<ToolContext> = {
  usage: '[options] IMAGE [IMAGE...]',
  description: 'Removes one or more previously pulled or locally created images.',
  examples: ['rmi imageID', 'rmi --force alpine'],
  flags: [
    flag('bool', 'all,a', 'Remove all images', { tools: ['podman'] }),
    flag('bool', 'ignore,i', 'Ignore errors if a specified image does not exist', { tools: ['podman'] }),
    flag('bool', 'force,f', 'Force Removal of the image'),
    flag('bool', 'no-prune', 'Do not remove dangling images'),
  ],
  args: anyArgs,
  run: async ({ args, flags }, context) => {
    const isAll = flags.bool('all');
    if (args.length === 0 && !isAll) throw new BadRequest('image name or ID must be specified');
    if (args.length > 0 && isAll)
      throw new BadRequest('when using the --all switch, you may not pass any images names or IDs');
    const removal = new Removal(context, await context.images(), {
      force: flags.bool('force'),
      noPrune: flags.bool('no-prune'),
    });
    if (isAll) await removal.all();
    else for (const reference of args) await removal.one(reference);
    for (const name of removal.untagged) context.stdout.write(`Untagged: ${name}\n`);
    for (const id of removal.deleted) context.stdout.write(`Deleted: ${id.replace('sha256:', '')}\n`);
    const errors = removal.errors.filter(
      (error) => !(error instanceof NotFound && (flags.bool('force') || flags.bool('ignore'))),
    );
    if (errors.length === 0) return 0;
    throw together(errors);
  },
};

class Removal {
  readonly untagged: string[] = [];
  readonly deleted: string[] = [];
  readonly errors: unknown[] = [];
  readonly #context: ToolContext;
  readonly #images: ImageLibrary;
  readonly #options: { force: boolean; noPrune: boolean };

  constructor(context: ToolContext, images: ImageLibrary, options: { force: boolean; noPrune: boolean }) {
    this.#context = context;
    this.#images = images;
    this.#options = options;
  }

  async one(reference: string): Promise<void> {
    try {
      await this.#remove(reference);
    } catch (error) {
      this.errors.push(error);
    }
  }

  /** Children before their parents: what is left after a round has none any more. */
  async all(): Promise<void> {
    if (this.#options.force) await this.#forgetDamaged();
    const failed = new Set<string>();
    for (;;) {
      const left = (await this.#images.describe()).filter((image) => !failed.has(image.id));
      const next = left.find((image) => !image.hasChildren) ?? left[0];
      if (next === undefined) return;
      try {
        await this.#remove(next.id, true);
      } catch (error) {
        failed.add(next.id);
        this.errors.push(error);
      }
    }
  }

  async #forgetDamaged(reference?: string): Promise<void> {
    const damaged = await this.#images.removeDamaged(reference);
    for (const digest of damaged)
      this.#context.stderr.write(`Failed to read the image ${digest}: it was removed\n`);
    this.deleted.push(...damaged);
  }

  async #remove(reference: string, isAll = false): Promise<void> {
    const options = { ...this.#options, allNames: isAll };
    if (this.#options.force) await this.#forgetDamaged(reference);
    for (let round = 0; ; round++) {
      try {
        const removed = await this.#images.removeImage(reference, options);
        this.untagged.push(...removed.untagged);
        this.deleted.push(...removed.deleted);
        return;
      } catch (error) {
        const containers = error instanceof Conflict ? error.details.containers : undefined;
        if (!Array.isArray(containers) || !this.#options.force || round > 0) throw error;
        const libpod = await this.#context.libpod();
        for (const id of containers as string[]) await removeContainer(libpod, id);
      }
    }
  }
}

/** A pod's own container takes the pod along. */
async function removeContainer(
  libpod: Awaited<ReturnType<ToolContext['libpod']>>,
  id: string,
): Promise<void> {
  if (!(await libpod.containers.exists(id))) return;
  const { isInfra, podId } = await libpod.containers.inspect(id);
  if (isInfra && podId !== undefined) await libpod.pods.remove(podId, { force: true });
  else await libpod.containers.remove(id, { force: true, depend: true });
}

/** One error as it is, several in Podman's list; 2 when something is in use, 1 when nothing is but unknown names. */
function together(errors: readonly unknown[]): OrreryError {
  const exitCode = errors.some((error) => error instanceof Conflict)
    ? 2
    : errors.every((error) => error instanceof NotFound)
      ? 1
      : 125;
  const message =
    errors.length === 1
      ? messageOf(errors[0])
      : `${errors.length} errors occurred:\n${errors.map((error) => `\t* ${messageOf(error)}`).join('\n')}\n`;
  const code = errors[0] instanceof OrreryError ? errors[0].code : 'Conflict';
  return new OrreryError(code, message, { details: { exitCode }, cause: errors[0] });
}

export const pruneImages: CommandDefinition<ToolContext> = {
  usage: '[options]',
  description: 'Removes dangling or unused images from local storage.',
  examples: ['image prune', 'image prune --all'],
  flags: [
    flag('bool', 'all,a', 'Remove all images not in use by containers, not just dangling ones'),
    flag('bool', 'external', 'Remove images even when they are used by external containers', {
      tools: ['podman'],
    }),
    flag('bool', 'force,f', 'Do not prompt for confirmation'),
    flag('stringArray', 'filter', "Provide filter values (e.g. 'label=<key>=<value>')"),
  ],
  args: noArgs,
  run: async ({ flags }, context) => {
    const isAll = flags.bool('all');
    if (!flags.bool('force') && !(await isConfirmed(context, isAll))) return 0;
    const images = await context.images();
    if (isAll) for (const digest of await images.removeDamaged()) context.stdout.write(`${digest}\n`);
    const { deleted } = await images.prune({ all: isAll, filters: parseFilters(flags.strings('filter')) });
    for (const id of deleted) context.stdout.write(`${id.replace('sha256:', '')}\n`);
    return 0;
  },
};

async function isConfirmed(context: ToolContext, isAll: boolean): Promise<boolean> {
  const what = isAll
    ? 'all images without at least one container associated with them'
    : 'all dangling images';
  const { createInterface } = await import('node:readline/promises');
  const asking = createInterface({ input: context.stdin, output: context.stdout });
  try {
    const answer = await asking.question(
      `WARNING! This command removes ${what}.\nAre you sure you want to continue? [y/N] `,
    );
    return /^y/i.test(answer.trim());
  } finally {
    asking.close();
  }
}
