import { type CommandDefinition, flag, noArgs } from '../../grammar/index.ts';
import { goJson } from '../../templates/go-json.ts';
import { asksForJson, renderReport } from '../../templates/report.ts';
import { alignColumns } from '../../templates/tab-writer.ts';
import { goStruct } from '../../templates/values.ts';
import { orreryVersion } from '../../version.ts';
import type { ToolContext } from '../context.ts';
import { builtAt, PODMAN_VERSION, versionSpoken } from '../version-spoken.ts';

export const version: CommandDefinition<ToolContext> = {
  usage: '[options]',
  description: 'Display the version information',
  flags: [flag('string', 'format,f', 'Change the output format to JSON or a Go template')],
  args: noArgs,
  run: async ({ flags }, context) => {
    const engine = versionFields(context.program);
    const format = flags.changed('format') ? flags.string('format')! : undefined;
    if (format === undefined) {
      const lines = [
        `Client:\t${context.program === 'podman' ? 'Podman Engine (Orrery)' : 'Orrery Engine'}`,
        `Version:\t${engine.Version}`,
        ...(engine.Version === orreryVersion ? [] : [`Orrery Version:\t${orreryVersion}`]),
        `API Version:\t${engine.APIVersion}`,
        `Go Version:\t${engine.GoVersion}`,
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
export function versionFields(program: string) {
  const built = builtAt();
  return goStruct('*define.Version', {
    APIVersion: PODMAN_VERSION,
    Version: versionSpoken(program),
    GoVersion: `none (Node.js ${process.version})`,
    GitCommit: '',
    BuiltTime: asctime(built),
    Built: Math.floor(built.getTime() / 1000),
    OsArch: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
    Os: 'linux',
  });
}

/** C's asctime, as Go's time.ANSIC: `Sun Nov  6 08:49:37 2022`. */
function asctime(date: Date): string {
  const [day, dayOfMonth, month, year, time] = date.toUTCString().replace(',', '').split(' ');
  return `${day} ${month} ${String(Number(dayOfMonth)).padStart(2)} ${time} ${year}`;
}
