import { type CommandDefinition, flag, noArgs } from '../../grammar/index.ts';
import { goJson } from '../../templates/go-json.ts';
import { asksForJson, renderReport } from '../../templates/report.ts';
import { alignColumns } from '../../templates/tab-writer.ts';
import { goStruct } from '../../templates/values.ts';
import { orreryVersion } from '../../version.ts';
import type { ToolContext } from '../context.ts';

/** Of Podman's API, whose commands are spoken here. */
const API_VERSION = '4.3.1';

export const version: CommandDefinition<ToolContext> = {
  usage: '[options]',
  description: 'Display the version information',
  flags: [flag('string', 'format,f', 'Change the output format to JSON or a Go template')],
  args: noArgs,
  run: async ({ flags }, context) => {
    const engine = versionFields();
    const format = flags.changed('format') ? flags.string('format')! : undefined;
    if (format === undefined) {
      const lines = [
        'Client:\tOrrery Engine',
        `Version:\t${engine.Version}`,
        `API Version:\t${engine.APIVersion}`,
        `Node Version:\t${process.version}`,
        `Built:\t${engine.BuiltTime}`,
        `OS/Arch:\t${engine.OsArch}`,
      ];
      context.stdout.write(alignColumns(`${lines.join('\n')}\n`));
      return 0;
    }
    const report = goStruct('entities.SystemVersionReport', { Client: engine, Server: engine });
    context.stdout.write(
      asksForJson(format)
        ? `${goJson({ Client: engine }, { indent: '  ' })}\n`
        : renderReport({ name: 'version', rows: [report], format, columns: '' }),
    );
    return 0;
  },
};

/** Podman's define.Version. There is no daemon: client and server are one. */
export function versionFields() {
  return goStruct('*define.Version', {
    APIVersion: API_VERSION,
    Version: orreryVersion,
    GoVersion: '',
    GitCommit: '',
    BuiltTime: 'Thu Jan  1 00:00:00 1970',
    Built: 0,
    OsArch: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
    Os: 'linux',
  });
}
