import { type Flag, flag, refusedFlag } from '../grammar/index.ts';

const REMOTE = 'there is no daemon to reach: run it on that machine, or use a Docker client with its socket';

const IN_ROOT = 'everything lives below --root';

/** Flags of the program itself: Podman's, and those of Docker's that mean something here. */
export const globalFlags: readonly Flag[] = [
  flag('string', 'root', 'Path to the root directory in which data, including images, is stored', {
    aliases: ['data-dir'],
  }),
  flag('string', 'runroot', "Path to the 'run directory' where all state information is stored", {
    tools: ['podman'],
  }),
  flag(
    'string',
    'log-level',
    'Log messages above specified level (trace, debug, info, warn, warning, error, fatal, panic)',
    { default: 'warn' },
  ),
  flag('string', 'runtime', 'Path to the OCI-compatible binary used to run containers', {
    tools: ['podman'],
  }),
  flag('string', 'conmon', 'Path of the conmon binary', { tools: ['podman'] }),
  refusedFlag('string', 'tmpdir', 'Path to the tmp directory for libpod state', IN_ROOT),
  flag('string', 'volumepath', 'Path to the volume directory in which volume data is stored', {
    tools: ['podman'],
  }),
  refusedFlag('string', 'network-config-dir', 'Path of the configuration of networks', IN_ROOT),
  flag('bool', 'noout', 'Do not output to stdout', { tools: ['podman'] }),
  flag('bool', 'syslog', 'Output logging information to syslog as well as the console', {
    tools: ['podman'],
    acceptedValues: ['false'],
    refused: 'there is no syslog output',
  }),
  flag('bool', 'debug,D', 'Log messages of level debug', { tools: ['docker'] }),
  flag('string', 'config', 'Location of client config files', { tools: ['docker'] }),
  flag('string', 'cgroup-manager', 'Cgroup manager to use ("cgroupfs")', {
    default: 'cgroupfs',
    acceptedValues: ['cgroupfs'],
    refused: 'control groups are managed through the file system (cgroupfs)',
    tools: ['podman'],
  }),
  flag('string', 'events-backend', 'Events backend to use ("file"|"none")', {
    default: 'file',
    acceptedValues: ['file', 'none'],
    refused: 'events are kept in a file',
    tools: ['podman'],
  }),
  flag(
    'string',
    'storage-driver',
    'Select which storage driver is used to manage storage of images and containers',
    {
      // Podman's own tests ask for vfs: to them it makes no difference.
      acceptedValues: ['overlay', 'vfs'],
      refused: 'root file systems are overlayfs',
      tools: ['podman'],
    },
  ),
  refusedFlag(
    'stringArray',
    'storage-opt',
    'Used to pass an option to the storage driver',
    'overlayfs has no options here',
    {
      acceptedValues: [''],
      tools: ['podman'],
    },
  ),
  refusedFlag('strings', 'hooks-dir', 'OCI hooks directory', 'OCI hooks are not run'),
  flag('stringArray', 'runtime-flag', 'add global flags for the container runtime', { tools: ['podman'] }),
  refusedFlag('string', 'network-cmd-path', 'Path of slirp4netns', 'the program is found on its usual paths'),
  refusedFlag('string', 'namespace', 'libpod namespace', 'use another --root'),
  // Refused when a command is run (remote-refusal.ts): help of Podman's shows them, and is asked for with them.
  flag('bool', 'remote,r', 'Access a remote Podman service: refused, there is no remote client', {
    tools: ['podman'],
  }),
  flag('string', 'url', 'URL of a remote service', { hidden: true, tools: ['podman'] }),
  flag('string', 'connection,c', 'Connection to a remote service', { hidden: true, tools: ['podman'] }),
  refusedFlag('string', 'identity', 'SSH identity of a remote service', REMOTE),
  refusedFlag('string', 'ssh', 'SSH mode of a remote service', REMOTE),
  flag('stringArray', 'host,H', "Docker's daemon socket", { hidden: true, tools: ['docker'] }),
  flag('string', 'context', 'Name of the context: only "default"', { hidden: true }),
  flag('bool', 'version,v', 'Print version information and quit'),
];
