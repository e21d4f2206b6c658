import { join } from 'node:path';
import { BadRequest, messageOf } from '../../../base/index.ts';
import type { ImageDetails } from '../../../engine/index.ts';
import { type CommandDefinition, exactArgs, flag, minimumArgs } from '../../grammar/index.ts';
import { goJson } from '../../templates/go-json.ts';
import { humanSize } from '../../templates/human-units.ts';
import { asksForJson, renderReport } from '../../templates/report.ts';
import type { ToolContext } from '../context.ts';
import { podmanImage } from './image-inspect.ts';

export const inspect: CommandDefinition<ToolContext> = {
  usage: '[options] IMAGE [IMAGE...]',
  templateFields:
    'ID Digest RepoTags RepoDigests Parent Comment Created Config Version Author Architecture Os Size VirtualSize GraphDriver RootFS Labels Annotations ManifestType User History NamesHistory'.split(
      ' ',
    ),
  description: 'Displays the low-level information of an image identified by name or ID.',
  examples: ['image inspect alpine', 'image inspect --format "imageId: {{.Id}}" alpine'],
  flags: [flag('string', 'format,f', 'Format the output to a Go template or json', { default: 'json' })],
  args: minimumArgs(1),
  run: async ({ args, flags }, context) => {
    const library = await context.images();
    const found: object[] = [];
    const errors: unknown[] = [];
    for (const reference of args) {
      try {
        found.push(podmanImage(await library.inspect(reference), join(context.root, 'engine/layers')));
      } catch (error) {
        errors.push(error);
      }
    }
    const format = flags.string('format')!;
    if (asksForJson(format)) context.stdout.write(`${goJson(found, { indent: '     ' })}\n`);
    else context.stdout.write(renderReport({ name: 'inspect', rows: found, format, columns: '' }));
    if (errors.length === 0) return 0;
    throw new BadRequest(
      errors.length === 1
        ? messageOf(errors[0])
        : `${errors.length} errors occurred:\n${errors.map((error) => `\t* ${messageOf(error)}`).join('\n')}\n`,
      { cause: errors[0] },
    );
  },
};

export const tree: CommandDefinition<ToolContext> = {
  usage: '[options] IMAGE',
  description: 'Prints layer hierarchy of an image in a tree format.',
  examples: ['image tree alpine'],
  flags: [flag('bool', 'whatrequires', 'Show all child images and layers of the specified image')],
  args: exactArgs(1),
  run: async ({ args, flags }, context) => {
    const library = await context.images();
    const image = await library.inspect(args[0]!);
    const all = await library.describe();
    const lines = [
      `Image ID: ${image.id.replace('sha256:', '').slice(0, 12)}`,
      `Tags:     [${image.references.join(' ')}]`,
      `Size:     ${humanSize(image.sizeBytes)}`,
      flags.bool('whatrequires') ? `Image ${image.references[0] ?? image.id} is used by:` : 'Image Layers',
      ...(flags.bool('whatrequires') ? childLines(image, all, '') : layerLines(image, all)),
    ];
    context.stdout.write(`${lines.join('\n')}\n`);
    return 0;
  },
};

function layerLines(image: ImageDetails, all: readonly ImageDetails[]): string[] {
  return image.diffIds.map((diffId, i) => {
    const isLast = i === image.diffIds.length - 1;
    const top = all
      .filter(
        (one) => one.diffIds.length === i + 1 && one.diffIds.every((id, at) => id === image.diffIds[at]),
      )
      .flatMap((one) => one.references);
    const names = top.length === 0 ? '' : ` Top Layer of: [${top.join(' ')}]`;
    const size = humanSize(image.layerSizes[i] ?? 0, 4);
    return `${isLast ? '└──' : '├──'} ID: ${diffId.replace('sha256:', '').slice(0, 12)} Size: ${size.padStart(7)}${names}`;
  });
}

function childLines(image: ImageDetails, all: readonly ImageDetails[], indent: string): string[] {
  const children = all.filter((one) => one.parentId === image.id);
  return children.flatMap((child, i) => {
    const isLast = i === children.length - 1;
    const id = child.id.replace('sha256:', '').slice(0, 12);
    const names = child.references.length === 0 ? '' : ` Top Layer of: [${child.references.join(' ')}]`;
    return [
      `${indent}${isLast ? '└──' : '├──'} ID: ${id} Size: ${humanSize(child.sizeBytes).padStart(7)}${names}`,
      ...childLines(child, all, `${indent}${isLast ? '    ' : '│   '}`),
    ];
  });
}
