import { Command, CommanderError, Option } from 'commander';
import { BadRequest } from '../base/index.ts';
import { createTool } from './containers/tool.ts';
import { EXIT } from './exit.ts';
import { auditOptions, requestLimitOptions } from './request-limit-options.ts';
import { gitVersion, orreryVersion } from './version.ts';
import type { PluginName } from './workspaces/plugin-name.ts';
import { createPlugin, describeKcp, describeKubeconfig, describeWorkspaces } from './workspaces/program.ts';

const HELP_FOOTER = `
Files:
  The data directory (--data-dir, ORRERY_DATA_DIR) holds everything: store, CA, kubeconfig, logs, images and
  container state. Default: /var/lib/orrery for root, $XDG_DATA_HOME/orrery for other users.

Environment:
  ORRERY_DATA_DIR, ORRERY_PORT, ORRERY_BIND_ADDRESS, ORRERY_NODE_NAME, ORRERY_NODE_IP, ORRERY_NODE_PORT,
  ORRERY_CLUSTER_CIDR, ORRERY_SERVICE_CIDR, ORRERY_LOG_LEVEL, ORRERY_STORE, ORRERY_ETCD_CAFILE, ORRERY_ETCD_CERTFILE,
  ORRERY_ETCD_KEYFILE, ORRERY_ETCD_PREFIX, ORRERY_TOKEN, ORRERY_TOKEN_FILE, ORRERY_SERVERS, ORRERY_SECRETS_ENCRYPTION,
  ORRERY_ENCRYPTION_PROVIDER_CONFIG, ORRERY_TOKEN_AUTH_FILE, ORRERY_AUTHENTICATION_CONFIG, ORRERY_RUNTIME_CONFIG,
  ORRERY_ENABLE_ADMISSION_PLUGINS, ORRERY_DISABLE_ADMISSION_PLUGINS, ORRERY_ADMISSION_CONTROL_CONFIG_FILE,
  ORRERY_AUDIT_POLICY_FILE, ORRERY_AUDIT_LOG_PATH  the same as the flags, which win
  KUBECONFIG    the files that ws, kubeconfig and kcp read and change, with colons between, as kubectl
  NO_COLOR      no colours
  ORRERY_DEBUG  print stack traces with errors

Exit status:
  0  done
  1  failed
  2  the command line was wrong; nothing was changed
  3  not running (status)
`;

/** Builds the command tree; the code behind a command is imported when it is run. */
export function createProgram(): Command {
  const program = new Command('orrery')
    .description(
      'One command turns this machine into a cloud: a Kubernetes API, a scheduler, and a container engine without a daemon.',
    )
    .version(
      `orrery ${orreryVersion} (kubernetes ${gitVersion})`,
      '-v, --version',
      'show the version and exit',
    )
    .helpOption('-h, --help', 'show help and exit')
    .helpCommand(false)
    .showHelpAfterError("(see '--help')")
    .enablePositionalOptions()
    .addHelpText('after', () => `\n${containerCommands()}${HELP_FOOTER}`)
    .exitOverride();
  addLifecycle(program);
  addStore(program);
  describeWorkspaces(program.command('workspace').aliases(['ws', 'workspaces']), 'orrery ws');
  describeKubeconfig(program.command('kubeconfig'));
  describeKcp(program.command('kcp'), 'orrery kcp');
  program
    .command('completion')
    .description('Print a completion script for a shell.')
    .argument('<shell>', 'bash, zsh or fish')
    .addHelpText('after', '\nExample:\n  source <(orrery completion bash)')
    .action(async (shell: string) => (await import('./commands/completion.ts')).completion(program, shell));
  program
    .command('help')
    .description('Show help for a command.')
    .argument('[command...]', 'for example: store backup')
    .action((names: string[]) => commandOf(program, names).outputHelp());
  return strict(program);
}

/** Words too many are refused, and what goes wrong is thrown, everywhere below. */
function strict(program: Command): Command {
  for (const command of allCommands(program)) command.exitOverride().allowExcessArguments(false);
  return program;
}

/** Beside those of the cloud: listed by name, each with a help page of its own. */
function containerCommands(): string {
  const names = createTool('orrery')
    .listed('')
    .map(({ name }) => name)
    .sort();
  let lines = '';
  let line = ' ';
  for (const name of names) {
    if (line.length + name.length > 78) {
      lines += `${line}\n`;
      line = ' ';
    }
    line += ` ${name}`;
  }
  return `Containers, as docker and podman have them ('orrery COMMAND --help' tells more):\n${lines}${line}\n`;
}

const dataDir = () => new Option('--data-dir <dir>', 'where everything lives').env('ORRERY_DATA_DIR');
const store = () =>
  new Option(
    '--store <url>',
    'etcd://host:port,… or etcds://…, for several servers (default: a file of our own)',
  ).env('ORRERY_STORE');
const etcd = () => [
  new Option('--etcd-cafile <file>', "the authority of etcd's certificate, PEM").env('ORRERY_ETCD_CAFILE'),
  new Option('--etcd-certfile <file>', 'the client certificate that etcd knows us by, PEM').env(
    'ORRERY_ETCD_CERTFILE',
  ),
  new Option('--etcd-keyfile <file>', 'the key of that certificate, PEM').env('ORRERY_ETCD_KEYFILE'),
  new Option('--etcd-prefix <prefix>', 'of all keys in etcd (default /orrery)').env('ORRERY_ETCD_PREFIX'),
];
const output = () => new Option('-o, --output <format>', 'json or yaml');

const severalServers = () => [
  new Option(
    '--token <token>',
    'locks the keys that the servers of one store share; others can read it in the process list, unlike the next',
  ),
  new Option('--token-file <file>', 'the same, in a file'),
  new Option(
    '--server <url>',
    'another server, for the node when its own does not answer (repeatable)',
  ).argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]),
];
const encryption = () => [
  new Option('--secrets-encryption', 'keep Secrets encrypted, with a key made in the data directory'),
  encryptionConfig(),
];
const encryptionConfig = () =>
  new Option(
    '--encryption-provider-config <file>',
    "Kubernetes' EncryptionConfiguration: what is kept encrypted",
  );

/** Options that several commands share. */
function withOptions(command: Command, options: readonly Option[]): Command {
  for (const option of options) command.addOption(option);
  return command;
}

function addLifecycle(program: Command): void {
  const up = program
    .command('up')
    .description(
      'Start the cloud on this machine and keep it running until Ctrl-C (or in the background with --detach).',
    )
    .addOption(dataDir())
    .option('-d, --detach', 'return when everything is ready; stop it with `orrery down`')
    .addOption(new Option('--detached').hideHelp())
    .option('--log-level <level>', 'debug, info, warn, error or silent (default info)')
    .optionsGroup('Addresses and names:')
    .option('-p, --port <port>', 'port of the API server (default 6443)')
    .option(
      '--bind-address <address>',
      'address the servers listen on (default 0.0.0.0: all; every request must authenticate)',
    )
    .option('--node-name <name>', 'name of this node (default: the host name)')
    .option('--node-ip <address>', 'address of this node (default: that of the first network interface)')
    .option('--node-port <port>', "port of the node's server, 0 for any free one (default 10250)")
    .option('--cluster-cidr <cidr>', 'range pods get their addresses from (default 10.42.0.0/16)')
    .option('--service-cidr <cidr>', 'range services get their addresses from (default 10.43.0.0/16)')
    .optionsGroup('Who may come in:')
    .option('--token-auth-file <file>', 'fixed bearer tokens: token,user,uid[,"group1,group2"] a line')
    .option('--authentication-config <file>', "Kubernetes' AuthenticationConfiguration: JWT issuers")
    .option(
      '--requestheader-client-ca-file <file>',
      'who signs the certificate of a front proxy that says for whom a request is; it is heard then',
    )
    .option('--requestheader-allowed-names <names>', "the proxy's common names (default: any that is signed)")
    .option('--requestheader-username-headers <names>', 'default X-Remote-User')
    .option('--requestheader-uid-headers <names>', 'default X-Remote-Uid')
    .option('--requestheader-group-headers <names>', 'default X-Remote-Group')
    .option('--requestheader-extra-headers-prefix <names>', 'default X-Remote-Extra-')
    .optionsGroup('What is served and let in:')
    .option(
      '--runtime-config <pairs>',
      'beta versions served or not: api/beta=false, or group/version[/resource]=true|false (default: all)',
    )
    .option(
      '--enable-admission-plugins <names>',
      'admission plug-ins to run beside the default ones, with commas',
    )
    .option('--disable-admission-plugins <names>', 'admission plug-ins not to run')
    .option('--admission-control-config-file <file>', "Kubernetes' AdmissionConfiguration")
    .optionsGroup('Several servers:')
    .option(
      '--leader-elect [boolean]',
      'controllers and scheduler run on one of several servers (default true)',
    )
    .option(
      '--leader-elect-lease-duration <duration>',
      'how long a silent leader counts as one (default 15s)',
    )
    .option('--leader-elect-renew-deadline <duration>', 'how long a leader tries to stay one (default 10s)')
    .option('--leader-elect-retry-period <duration>', 'how often candidates try (default 2s)')
    .addHelpText('after', '\nExamples:\n  orrery up\n  orrery up --detach --data-dir /srv/cloud --port 7443')
    .action(async (flags) => (await import('./commands/up.ts')).up(flags));
  withOptions(up, severalServers());
  withOptions(up.optionsGroup('Store:'), [store(), ...etcd(), ...encryption()]);
  withOptions(up.optionsGroup('Limits:'), requestLimitOptions());
  withOptions(up.optionsGroup('Audit:'), auditOptions());
  const server = program
    .command('server')
    .description(
      'As `orrery up`, without the node: one of several servers on a store (--store), or the only one.',
    )
    .addHelpText('after', '\nExample:\n  orrery server --store etcd://10.0.0.1:2379 --token-file token')
    .action(async (flags) => (await import('./commands/up.ts')).up({ ...flags, node: false }));
  for (const option of up.options) server.addOption(option);
  program
    .command('status')
    .description(
      'Show the roles: what runs, since when, with how much memory. Exit status 3 when nothing runs.',
    )
    .addOption(dataDir())
    .addOption(output())
    .action(async (flags) => {
      process.exitCode = await (await import('./commands/status.ts')).status(flags);
    });
  program
    .command('down')
    .description('Stop the roles. Containers keep running, and the next `orrery up` adopts them.')
    .addOption(dataDir())
    .option(
      '--all',
      'also end all containers and remove their networks, mounts and cgroups; images, volumes and the store stay',
    )
    .action(async (flags) => (await import('./commands/down.ts')).down(flags));
}

function addStore(program: Command): void {
  const group = program
    .command('store')
    .description('Look after the store of the control plane.')
    .helpCommand('help [command]', 'Show help for a command.');
  group
    .command('check')
    .description(
      'Verify the consistency of the store in the data directory. Orrery must not be running on it.',
    )
    .addOption(dataDir())
    .addOption(encryptionConfig())
    .addOption(output())
    .action(async (flags) => (await import('./commands/store.ts')).checkStoreCommand(flags));
  const place = () => [dataDir(), store(), ...etcd(), output()];
  withOptions(group.command('compact'), place())
    .description(
      'Forget history and give its room back. A store in files must not be in use; etcd is defragmented member by member.',
    )
    .action(async (flags) => (await import('./commands/store.ts')).compactStoreCommand(flags));
  withOptions(group.command('backup'), place())
    .description('Write the store into one file, as it is at one moment. Orrery may be running on it.')
    .argument('<file>', 'the backup; replaced, when it is there, by a whole one')
    .addHelpText(
      'after',
      '\nKeys and certificates are not in it: keep a copy of DATA-DIR/pki too, in a safe place.\n\nExample:\n  orrery store backup /srv/backup/monday',
    )
    .action(async (file: string, flags) =>
      (await import('./commands/store.ts')).backUpStoreCommand(file, flags),
    );
  withOptions(group.command('restore'), place())
    .description(
      'Make a store from a backup, where there is none. Revisions go on far above those of the backup.',
    )
    .argument('<file>', 'the backup')
    .addHelpText('after', '\nExample:\n  orrery store restore /srv/backup/monday --data-dir /srv/cloud')
    .action(async (file: string, flags) =>
      (await import('./commands/store.ts')).restoreStoreCommand(file, flags),
    );
  withOptions(group.command('migrate'), [dataDir(), ...etcd(), output()])
    .description(
      'Copy the store from the data directory to an etcd, or back. No server may be running on it.',
    )
    .option('--to <url>', 'the etcd to copy to: etcd://host:port,…')
    .option('--from <url>', 'the etcd to copy from')
    .addHelpText('after', '\nExample:\n  orrery store migrate --to etcd://10.0.0.1:2379,10.0.0.2:2379')
    .action(async (flags) => (await import('./commands/store.ts')).migrateStoreCommand(flags));
}

/** @throws BadRequest when there is no command of that name. */
function commandOf(program: Command, names: readonly string[]): Command {
  return names.reduce((command, name, i) => {
    const found = command.commands.find((one) => one.name() === name || one.aliases().includes(name));
    if (found === undefined)
      throw new BadRequest(`unknown command '${names.slice(0, i + 1).join(' ')}'`, {
        hint: 'orrery --help lists the commands',
      });
    return found;
  }, program);
}

function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap((c) => allCommands(c))];
}

/** Parses and runs; commander has already printed its own errors and help. @returns the exit code */
export async function runProgram(args: string[]): Promise<number> {
  const program = createProgram();
  if (args.length === 0) {
    program.outputHelp();
    return EXIT.ok;
  }
  return await runCommand(program, args);
}

/** The same for the program that a link named as kcp's plugins is. */
export async function runPlugin(name: PluginName, args: string[]): Promise<number> {
  const plugin = createPlugin(name)
    .version(orreryVersion, '-v, --version', 'show the version and exit')
    .helpOption('-h, --help', 'show help and exit')
    .showHelpAfterError("(see '--help')");
  return await runCommand(strict(plugin), args);
}

async function runCommand(command: Command, args: string[]): Promise<number> {
  try {
    await command.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? EXIT.ok);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
}
