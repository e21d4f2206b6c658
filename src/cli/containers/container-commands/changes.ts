import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { BadRequest } from '../../../base/index.ts';
import { anyArgs, type CommandDefinition, exactArgs, flag, rangeArgs } from '../../grammar/index.ts';
import { goJson } from '../../templates/go-json.ts';
import { asksForJson } from '../../templates/report.ts';
import { goStruct } from '../../templates/values.ts';
import type { ToolContext } from '../context.ts';
import { chooseOne, latestFlag } from './selection.ts';

const CHANGES = [
  'CMD',
  'ENTRYPOINT',
  'ENV',
  'EXPOSE',
  'LABEL',
  'ONBUILD',
  'STOPSIGNAL',
  'USER',
  'VOLUME',
  'WORKDIR',
];

export const diff: CommandDefinition<ToolContext> = {
  usage: '[options] CONTAINER [CONTAINER]',
  description:
    "Displays changes to the container's file system.  The container will be compared to its parent layer.",
  examples: ['container diff myCtr', 'container diff -l --format json myCtr'],
  flags: [flag('string', 'format', 'Change the output format (json)', { tools: ['podman'] }), latestFlag],
  args: anyArgs,
  run: async ({ args, flags, program, path }, context) => {
    if (args.length > 0 && flags.bool('latest'))
      throw new BadRequest('--latest and containers cannot be used together');
    if (args.length === 0 && !flags.bool('latest'))
      throw new BadRequest(
        `${JSON.stringify(`${program} ${path}`)} requires a name, id, or the "--latest" flag`,
      );
    const complaint = flags.bool('latest') ? undefined : rangeArgs(1, 2)(args, path);
    if (complaint !== undefined) throw new BadRequest(complaint);
    const format = flags.string('format') ?? '';
    if (format !== '' && !asksForJson(format))
      throw new BadRequest("only supported value for '--format' is 'json'");
    const libpod = await context.libpod();
    const { container, rest } = await chooseOne(libpod, flags, args);
    if (rest.length > 0) throw new BadRequest('a container is compared to its image only');
    const changes = await libpod.containers.diff(container);
    if (format === '') {
      for (const { kind, path: file } of changes) context.stdout.write(`${kind} ${file}\n`);
      return 0;
    }
    const of = (kind: string) => changes.filter((one) => one.kind === kind).map((one) => one.path);
    const kinds = { changed: of('C'), added: of('A'), deleted: of('D') };
    const body = Object.fromEntries(Object.entries(kinds).filter(([, paths]) => paths.length > 0));
    context.stdout.write(
      `${goJson(goStruct('ChangesReportJSON', body), { indent: '     ', escapesHtml: true })}\n`,
    );
    return 0;
  },
};

export const exportRoot: CommandDefinition<ToolContext> = {
  usage: '[options] CONTAINER',
  description: "Exports container's filesystem contents as a tar archive and saves it on the local machine.",
  examples: ['export ctrID > myCtr.tar', 'export --output="myCtr.tar" ctrID'],
  flags: [
    flag('string', 'output,o', 'Write to a specified file (default: stdout, which must be redirected)'),
  ],
  args: exactArgs(1),
  run: async ({ args, flags }, context) => {
    const output = flags.string('output') ?? '';
    if (output === '' && context.stdout.isTTY)
      throw new BadRequest('refusing to export to terminal. Use -o flag or redirect');
    if (output.includes(':'))
      throw new BadRequest(`invalid filename (should not contain ':') ${JSON.stringify(output)}`);
    const tar = await (await context.libpod()).containers.export(args[0]!);
    if (output === '') await pipeline(tar, context.stdout, { end: false });
    else await pipeline(tar, createWriteStream(output));
    return 0;
  },
};

export const commit: CommandDefinition<ToolContext> = {
  usage: '[options] CONTAINER [IMAGE]',
  description:
    "Create an image from a container's changes. Optionally tag the image created, set the author with the --author flag, set the commit message with the --message flag, and make changes to the instructions with the --change flag.",
  examples: [
    'commit -q --message "committing container to image" reverent_golick image-committed',
    'commit -q --author "firstName lastName" reverent_golick image-committed',
    'commit -q --pause=false containerID image-committed',
    'commit containerID',
  ],
  flags: [
    flag('string', 'author,a', 'Set the author for the image committed'),
    flag(
      'stringArray',
      'change,c',
      `Apply the following possible instructions to the created image (default []): ${CHANGES.join(' | ')}`,
    ),
    flag('string', 'format,f', 'Format of the image manifest and metadata', {
      default: 'oci',
      placeholder: 'Format',
      tools: ['podman'],
    }),
    flag('string', 'iidfile', 'file to write the image ID to', { placeholder: 'file', tools: ['podman'] }),
    flag('bool', 'include-volumes', 'Include container volumes as image volumes', { tools: ['podman'] }),
    flag('string', 'message,m', 'Set commit message for imported image'),
    flag('bool', 'pause,p', 'Pause container during commit'),
    flag('bool', 'quiet,q', 'Suppress output', { tools: ['podman'] }),
    flag('bool', 'squash,s', 'squash newly built layers into a single new layer', { tools: ['podman'] }),
  ],
  args: rangeArgs(1, 2),
  run: async ({ args, flags }, context) => {
    const format = flags.string('format')!;
    if (format !== 'oci' && format !== 'docker')
      throw new BadRequest(`unrecognized image format ${JSON.stringify(format)}`);
    const changes = [...flags.strings('change')];
    const [container, reference] = args as [string, string | undefined];
    const id = await (await context.libpod()).containers.commit(container, {
      ...(reference !== undefined && { reference }),
      ...(flags.string('author') && { author: flags.string('author')! }),
      ...(flags.string('message') && { message: flags.string('message')! }),
      ...(changes.length > 0 && { changes }),
      ...{ pause: flags.bool('pause'), squash: flags.bool('squash'), format },
      includeVolumes: flags.bool('include-volumes'),
    });
    const bare = id.replace(/^sha256:/, '');
    const idFile = flags.string('iidfile') ?? '';
    if (idFile !== '') await writeFile(idFile, bare);
    context.stdout.write(`${bare}\n`);
    return 0;
  },
};
