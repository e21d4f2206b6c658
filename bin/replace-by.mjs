// Runs a program in this one's place: same terminal, same signals, same exit code.
import { spawn } from 'node:child_process';

export function replaceBy(file, args) {
  const child = spawn(file, args, { stdio: 'inherit' });
  // A Ctrl-C goes to the whole group of the terminal: the child decides, we wait for it.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`error: cannot run ${file}: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
