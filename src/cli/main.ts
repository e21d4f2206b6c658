import { EXIT, reportError } from './exit.ts';

/**
 * The `orrery` command. Roles are told apart first, so that a child process does not load the command line
 * it never parses.
 */
async function main(args: string[]): Promise<number> {
  if (args[0] === 'role') {
    const { runRole } = await import('./role-main.ts');
    await runRole(args[1] ?? '');
    return EXIT.ok;
  }
  const { runProgram } = await import('./program.ts');
  return runProgram(args);
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `orrery … | head`: the reader has seen enough.
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  throw error;
});
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = reportError(error);
}
