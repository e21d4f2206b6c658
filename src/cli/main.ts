import { programName } from './containers/program-name.ts';
import { EXIT, reportError } from './exit.ts';
import { enterRootlessNamespaces, needsNamespaces } from './rootless-entry.ts';
import { pluginName } from './workspaces/plugin-name.ts';

/** Commands of the cloud; all others are the container tool's. */
const CLOUD = new Set([
  ...['up', 'server', 'status', 'down', 'store', 'completion'],
  ...['workspace', 'ws', 'workspaces', 'kubeconfig', 'kcp'],
]);

/**
 * The `orrery` command. Roles are told apart first, so that a child process does not load the command line
 * it never parses; then the container tool from the cloud's own commands.
 */
async function main(args: string[]): Promise<number> {
  if (args[0] === 'role' && args[1] === 'port-relay') return await relay(args[2] ?? '');
  if (args[0] === 'role' && args[1] === 'outbound-relay') return await relayOut(args[2] ?? '');
  if (args[0] === 'role' && args[1] === 'outbound-sockets') return await openSockets(args[2] ?? '');
  if (args[0] === 'role' && args[1] === 'health-monitor') return await watchHealth(args[2] ?? '');
  if (args[0] === 'role') {
    const { runRole } = await import('./role-main.ts');
    await runRole(args[1] ?? '');
    return EXIT.ok;
  }
  const plugin = pluginName(process.argv[1]);
  if (plugin !== undefined) {
    const { runPlugin } = await import('./program.ts');
    return await runPlugin(plugin, args);
  }
  const program = programName(process.argv[1]);
  if (program === 'orrery' && isCloudCommand(args)) {
    const { runProgram } = await import('./program.ts');
    return await runProgram(args);
  }
  if (needsNamespaces(args)) await enterRootlessNamespaces();
  const { runTool } = await import('./containers/tool.ts');
  return await runTool(args, program);
}

/** Started by the engine for an ordinary user's container; ends with it. */
async function relay(file: string): Promise<number> {
  const { relayPorts } = await import('../engine/rootless/port-relay.ts');
  await relayPorts(file, () => process.stdout.write('ready\n'));
  process.exit(EXIT.ok);
}

/** Started for the first of an ordinary user's containers that has no other way outside; ends with the last. */
async function relayOut(socket: string): Promise<number> {
  const { relayOutbound } = await import('../engine/rootless/outbound-relay.ts');
  await relayOutbound(socket, process.argv[1]!, () => process.stdout.write('ready\n'));
  process.exit(EXIT.ok);
}

/** A thread of the one above. */
async function openSockets(namespacePath: string): Promise<number> {
  const { openOutboundSockets } = await import('../engine/rootless/outbound-sockets.ts');
  openOutboundSockets(namespacePath);
  return EXIT.ok;
}

/** Started by the first container with a health check; ends with the last. */
async function watchHealth(directory: string): Promise<number> {
  const { runHealthMonitor } = await import('../libpod/health/index.ts');
  const abort = new AbortController();
  process.once('SIGTERM', () => abort.abort());
  await runHealthMonitor({ directory, environment: process.env, signal: abort.signal });
  return EXIT.ok;
}

function isCloudCommand([first, second]: string[]): boolean {
  if (first === undefined || first === '-h' || first === '--help' || first === '-v' || first === '--version')
    return true;
  if (first === 'help') return second === undefined || CLOUD.has(second);
  return CLOUD.has(first);
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
