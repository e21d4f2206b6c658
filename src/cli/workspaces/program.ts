import { Command, Option } from 'commander';
import { BadRequest } from '../../base/index.ts';
import type { PluginName } from './plugin-name.ts';
import type { ConnectionFlags } from './session.ts';
import type { TreeFlags } from './workspace-tree.ts';

/** The flags by which kubectl and kcp's plugins say where and who; each command has them. */
function withConnection(command: Command, options: { workspace?: boolean } = {}): Command {
  command
    .optionsGroup('Connection:')
    .option('--kubeconfig <file>', 'path to the kubeconfig file')
    .option('--context <name>', 'the name of the kubeconfig context to use')
    .option('--user <name>', 'the name of the kubeconfig user to use')
    .option('-s, --server <url>', 'the address and port of the API server')
    .option('--token <token>', 'bearer token for authentication to the API server')
    .option('--certificate-authority <file>', 'a cert file for the certificate authority')
    .option('--insecure-skip-tls-verify', "do not check the server's certificate; unsafe")
    .option('--tls-server-name <name>', "the name to check the server's certificate for");
  if (options.workspace)
    command.option('--workspace <path>', "the workspace to look at, instead of the kubeconfig's");
  return command;
}

const short = () =>
  new Option('--short', 'print only the path of the workspace, for example for the prompt of a shell');
const interactive = () => new Option('-i, --interactive', 'look around in the tree, and choose');
const output = () => new Option('-o, --output <format>', 'json or yaml');

/** Flags of the command and of those above it: `ws --context x tree`. */
function flagsOf<F extends ConnectionFlags>(command: Command): F {
  return command.optsWithGlobals() as F;
}

/**
 * Makes a command that of kcp's `kubectl ws`: the current workspace of a kubeconfig.
 *
 * @param called what stands before it on a command line, for examples and notes: `orrery ws`
 */
export function describeWorkspaces(command: Command, called: string): Command {
  command
    .description('Show and change the current workspace of the kubeconfig, and make workspaces.')
    .argument(
      '[workspace]',
      'a path: . current, .. parent, - previous, ~ home, : top, :root:a absolute, a:b relative; none: home',
    )
    .addOption(short())
    .addOption(interactive())
    .enablePositionalOptions()
    .helpCommand('help [command]', 'Show help for a command.')
    .addHelpText('after', () => workspaceExamples(called))
    .action(async (name: string | undefined) => await goTo(name, command, called));
  withConnection(command);
  const use = command
    .command('use')
    .alias('cd')
    .description('Make a workspace the current one.')
    .argument('<workspace>', 'as above')
    .addOption(short())
    .action(async (name: string) => await goTo(name, use, called));
  withConnection(use);
  const tree = command
    .command('tree')
    .description('Print the current workspace and those below it.')
    .option('-f, --full', 'show full workspace names')
    .addOption(interactive())
    .addOption(output())
    .action(async () => (await import('./workspace-tree.ts')).workspaceTree(flagsOf(tree)));
  withConnection(tree, { workspace: true });
  const current = command
    .command('current')
    .description(`Print the current workspace, as '${called} .' does.`)
    .addOption(short())
    .addOption(output())
    .action(async () => (await import('./current-workspace.ts')).currentWorkspace(flagsOf(current)));
  withConnection(current);
  command
    .command('__complete', { hidden: true })
    .action(async () => (await import('./workspace-tree.ts')).listBelow(flagsOf(command)));
  describeCreation(command.command('create'), `${called} create`);
  const createContext = command
    .command('create-context')
    .description('Keep the current workspace as a context of its own in the kubeconfig.')
    .argument('[name]', 'of the context (default: the path of the workspace)')
    .option('--overwrite', 'overwrite the context if it already exists')
    .action(async (name: string | undefined) =>
      (await import('./create-context.ts')).createContext(name, flagsOf(createContext)),
    );
  withConnection(createContext);
  return command;
}

/** A shell's prompt asks for `.` again and again: it needs neither a client nor a server. */
async function goTo(name: string | undefined, command: Command, called: string): Promise<void> {
  if (command.opts<TreeFlags>().interactive) {
    if (name !== undefined) throw new BadRequest('interactive mode does not accept arguments');
    await (await import('./workspace-tree.ts')).workspaceTree(flagsOf(command));
  } else if (name === '.') await (await import('./current-workspace.ts')).currentWorkspace(flagsOf(command));
  else await (await import('./use-workspace.ts')).useWorkspace(name, flagsOf(command), called);
}

/** Makes a command that of kcp's `kubectl create workspace`. */
export function describeCreation(command: Command, called: string): Command {
  command
    .description('Create a workspace below the current one, and wait until it is ready.')
    .argument('<name>', 'of the workspace')
    .option('--type <type>', 'a workspace type: universal, root:organization (default: what the parent says)')
    .option('--enter', 'immediately enter the created workspace')
    .option(
      '--ignore-existing',
      'ignore if the workspace already exists; the type must be absolute or none; overwrites the context of --create-context',
    )
    .option('--location-selector <selector>', 'labels of the shard to be on')
    .option('--create-context <name>', 'create a kubeconfig context of that name for the new workspace')
    .addOption(output())
    .addHelpText(
      'after',
      `\nExamples:\n  ${called} team-a\n  ${called} team-b --type root:organization --enter`,
    )
    .action(async (name: string) =>
      (await import('./create-workspace.ts')).createWorkspace(name, flagsOf(command)),
    );
  return withConnection(command, { workspace: true });
}

/** `orrery kubeconfig`. */
export function describeKubeconfig(command: Command): Command {
  command
    .description(
      'Print a kubeconfig in one piece that leads to a workspace with the user of the current context.',
    )
    .addOption(output())
    .addHelpText(
      'after',
      '\nIt holds credentials: keep it where only its user can read it.\n\nExample:\n  orrery kubeconfig --workspace root:team-a > team-a.kubeconfig',
    )
    .action(async () => (await import('./kubeconfig-of-workspace.ts')).printKubeconfig(flagsOf(command)));
  return withConnection(command, { workspace: true });
}

function workspaceExamples(called: string): string {
  return `
Examples:
  ${called} .                    print the current workspace
  ${called} :root:team-a         go to a workspace by its whole path
  ${called} frontend             go to a workspace below the current one
  ${called} ..                   go to the parent
  ${called} -                    go back to where you were
  ${called} create team-a --enter
  ${called} tree`;
}

/** Makes a command that of kcp's `kubectl kcp`. */
export function describeKcp(command: Command, called: string): Command {
  command
    .description("What kcp's kubectl plugin does: workspaces, bindings, schemas of APIs.")
    .enablePositionalOptions()
    .helpCommand('help [command]', 'Show help for a command.');
  describeWorkspaces(command.command('workspace').aliases(['ws', 'workspaces']), `${called} workspace`);
  const bind = command.command('bind').description('Bind APIs into the current workspace.');
  const apiExport = bind
    .command('apiexport')
    .description('Bind to an APIExport, and wait until it is bound.')
    .argument('<export>', 'the path of its workspace, and its name: root:my-service:my-export')
    .option('--name <name>', 'of the APIBinding (default: that of the export)')
    .option('--timeout <duration>', 'how long to wait', '30s')
    .addOption(
      claims('--accept-permission-claim', 'a claim to accept: resource.group, of core resource.core'),
    )
    .addOption(claims('--reject-permission-claim', 'a claim to reject, likewise'))
    .option('--accept-all-permission-claims', 'accept all that the APIExport claims')
    .option('--reject-all-permission-claims', 'reject all that the APIExport claims')
    .action(async (reference: string) =>
      (await import('./bind-api-export.ts')).bindApiExport(reference, flagsOf(apiExport)),
    );
  withConnection(apiExport, { workspace: true });
  const crd = command.command('crd').description('Work on CustomResourceDefinitions.');
  const snapshot = crd
    .command('snapshot')
    .description('Turn CustomResourceDefinitions into APIResourceSchemas, which an APIExport can name.')
    .requiredOption('-f, --filename <file>', 'a file with CustomResourceDefinitions, or - for standard input')
    .requiredOption('--prefix <prefix>', 'of the name of the APIResourceSchema, before RESOURCE.GROUP')
    .addOption(output())
    .addHelpText('after', `\nExample:\n  ${called} crd snapshot -f crd.yaml --prefix today > schema.yaml`)
    .action(async () =>
      (await import('./snapshot-crd.ts')).snapshotCrd(
        snapshot.opts<{ filename: string; prefix: string; output?: string }>(),
      ),
    );
  describeClaims(command.command('claims'));
  command
    .command('quickstart', { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .action(() => {
      throw new BadRequest(`'${called} quickstart' is not supported`, {
        hint: 'the tour in README.md shows an export and a binding',
      });
    });
  return command;
}

/** What exports claim of the workspaces that bind them. */
function describeClaims(command: Command): void {
  command.description('Show and answer the permission claims of APIBindings.');
  const get = command
    .command('get')
    .description('Show claims.')
    .command('apibinding')
    .description('Show the claims of an APIBinding, or of all in the workspace.')
    .argument('[name]', 'of the APIBinding')
    .addOption(output())
    .action(async (name: string | undefined) => (await import('./claims.ts')).getClaims(name, flagsOf(get)));
  withConnection(get, { workspace: true });
  for (const [word, state] of [
    ['accept', 'Accepted'],
    ['reject', 'Rejected'],
  ] as const) {
    const answer = command
      .command(word)
      .description(`${word === 'accept' ? 'Accept' : 'Reject'} a permission claim of an APIBinding.`)
      .argument('<name>', 'of the APIBinding')
      .option('--resource <resource.group>', 'the resource that is claimed')
      .option('--identity-hash <hash>', 'the identity of the API that is claimed')
      .action(async (name: string) =>
        (await import('./claims.ts')).answerClaim(name, state, flagsOf(answer)),
      );
    withConnection(answer, { workspace: true });
  }
}

function claims(flag: string, text: string): Option {
  return new Option(`${flag} <claims>`, `${text} (repeatable, or with commas)`).argParser(
    (value: string, before: string[] | undefined) => [...(before ?? []), ...value.split(',')],
  );
}

/** The program that a link of that name stands for. */
export function createPlugin(name: PluginName): Command {
  const called = name.replace('-', ' ').replace('create-workspace', 'create workspace');
  const command = new Command(called);
  if (name === 'kubectl-ws') describeWorkspaces(command, called);
  else if (name === 'kubectl-kcp') describeKcp(command, called);
  else describeCreation(command, called);
  return command;
}
