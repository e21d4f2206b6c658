/**
 * The container tool alone, without the cloud: what `dist/bin/orrery` starts for most commands. One file to load
 * instead of forty, which asks the file system directly (direct-files.ts); see scripts/build.ts.
 */
import { programName } from './containers/program-name.ts';
import { runTool } from './containers/tool.ts';
import { EXIT, reportError } from './exit.ts';
import { enterRootlessNamespaces, needsNamespaces } from './rootless-entry.ts';

async function main(args: string[]): Promise<number> {
  if (needsNamespaces(args)) await enterRootlessNamespaces();
  return await runTool(args, programName(process.argv[1]));
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `orrery … | head`: the reader has seen enough.
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  throw error;
});
main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.exitCode = reportError(error);
  },
);
