import { BadRequest } from '../../../base/index.ts';
import { anyArgs, type CommandDefinition, flag } from '../../grammar/index.ts';
import { goJson } from '../../templates/go-json.ts';
import { asksForJson, renderReport } from '../../templates/report.ts';
import { goStruct } from '../../templates/values.ts';
import { forEachNamed } from '../container-commands/several.ts';
import type { ToolContext } from '../context.ts';

export const mount: CommandDefinition<ToolContext> = {
  usage: '[options] [IMAGE...]',
  description:
    "Mounts an image's root file system on the host, read-only; without images, lists those mounted.",
  examples: ['image mount imageName'],
  flags: [
    flag('bool', 'all,a', 'Mount all images'),
    flag('string', 'format', 'Print the mounted images in specified format (json)'),
  ],
  args: anyArgs,
  run: async ({ args, flags }, context) => {
    const isAll = flags.bool('all');
    if (isAll && args.length > 0)
      throw new BadRequest('when using the --all switch, you may not pass any image names or IDs');
    const format = flags.string('format');
    if (format !== undefined && !asksForJson(format))
      throw new BadRequest(`unknown --format argument: ${JSON.stringify(format)}`);
    const images = await context.images();
    const all = await images.describe();
    const wanted = isAll ? all.map((image) => image.id) : args;
    if (wanted.length === 1 && !isAll) {
      context.stdout.write(`${await images.mountImage(wanted[0]!)}\n`);
      return 0;
    }
    await forEachNamed(context, wanted, async (reference) => void (await images.mountImage(reference)));
    const rows = (await images.mountedImages()).map(({ id, path }) => ({
      id,
      path,
      names: all.find((image) => image.id === id)?.references ?? [],
    }));
    if (format !== undefined) {
      const shown = rows.map(({ id, names, path }) =>
        goStruct('jreport', { id: id.replace('sha256:', ''), Repositories: names, mountpoint: path }),
      );
      context.stdout.write(`${goJson(shown, { indent: ' ' })}\n`);
      return 0;
    }
    context.stdout.write(
      renderReport({
        name: 'mounts',
        rows: rows.map(({ id, names, path }) => ({
          Name: names[0] ?? id.replace('sha256:', '').slice(0, 12),
          Path: path,
        })),
        columns: '{{.Name}}\t{{.Path}}',
      }),
    );
    return 0;
  },
};

export const unmount: CommandDefinition<ToolContext> = {
  usage: '[options] IMAGE [IMAGE...]',
  description: "Unmounts an image's root file system.",
  examples: ['image unmount imgID', 'image unmount --all'],
  flags: [
    flag('bool', 'all,a', 'Unmount all of the currently mounted images'),
    flag('bool', 'force,f', 'Force the complete unmount of the specified mounted images'),
  ],
  args: anyArgs,
  run: async ({ args, flags }, context) => {
    const isAll = flags.bool('all');
    if (args.length === 0 && !isAll) throw new BadRequest('image name or ID must be specified');
    if (args.length > 0 && isAll)
      throw new BadRequest('when using the --all switch, you may not pass any image names or IDs');
    const images = await context.images();
    const wanted = isAll ? (await images.mountedImages()).map((one) => one.id) : args;
    await forEachNamed(context, wanted, async (reference) => {
      const { id, wasMounted } = await images.unmountImage(reference);
      if (wasMounted || flags.bool('force')) context.stdout.write(`${id.replace('sha256:', '')}\n`);
    });
    return 0;
  },
};
