import { type Flag, flag, refusedFlag } from '../../grammar/index.ts';

const SIZE =
  '(format: <number>[<unit>], where unit = b (bytes), k (kibibytes), m (mebibytes), or g (gibibytes))';
const podman = { tools: ['podman'] } as const;
const docker = { tools: ['docker'] } as const;

/** Limits that `run`, `create` and `update` have. */
export const limitFlags: readonly Flag[] = [
  flag(
    'string',
    'blkio-weight',
    'Block IO weight (relative weight) accepts a weight value between 10 and 1000.',
  ),
  flag(
    'strings',
    'blkio-weight-device',
    'Block IO weight (relative device weight, format: DEVICE_NAME:WEIGHT)',
    {
      placeholder: 'DEVICE_NAME:WEIGHT',
    },
  ),
  flag('uint', 'cpu-period', 'Limit the CPU CFS (Completely Fair Scheduler) period'),
  flag('int', 'cpu-quota', 'Limit the CPU CFS (Completely Fair Scheduler) quota'),
  flag('uint', 'cpu-rt-period', 'Limit the CPU real-time period in microseconds'),
  flag('int', 'cpu-rt-runtime', 'Limit the CPU real-time runtime in microseconds'),
  flag('uint', 'cpu-shares,c', 'CPU shares (relative weight)'),
  flag('float', 'cpus', 'Number of CPUs. The default is 0.000 which means no limit'),
  flag('string', 'cpuset-cpus', 'CPUs in which to allow execution (0-3, 0,1)'),
  flag(
    'string',
    'cpuset-mems',
    'Memory nodes (MEMs) in which to allow execution (0-3, 0,1). Only effective on NUMA systems.',
  ),
  flag(
    'strings',
    'device-read-bps',
    'Limit read rate (bytes per second) from a device (e.g. --device-read-bps=/dev/sda:1mb)',
  ),
  flag(
    'strings',
    'device-read-iops',
    'Limit read rate (IO per second) from a device (e.g. --device-read-iops=/dev/sda:1000)',
  ),
  flag(
    'strings',
    'device-write-bps',
    'Limit write rate (bytes per second) to a device (e.g. --device-write-bps=/dev/sda:1mb)',
  ),
  flag(
    'strings',
    'device-write-iops',
    'Limit write rate (IO per second) to a device (e.g. --device-write-iops=/dev/sda:1000)',
  ),
  flag('string', 'memory,m', `Memory limit ${SIZE}`, { placeholder: '<number>[<unit>]' }),
  flag('string', 'memory-reservation', `Memory soft limit ${SIZE}`, { placeholder: '<number>[<unit>]' }),
  flag('string', 'memory-swap', "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"),
  flag('int', 'memory-swappiness', 'Tune container memory swappiness (0 to 100, or -1 for system default)', {
    default: -1,
  }),
  flag('int', 'pids-limit', 'Tune container pids limit (set -1 for unlimited)', { default: 2048 }),
];

/** Flags of networks: `pod create` has them too. */
export const networkFlags: readonly Flag[] = [
  flag('strings', 'add-host', 'Add a custom host-to-IP mapping (host:ip) (default [])'),
  flag('strings', 'dns', 'Set custom DNS servers'),
  flag('strings', 'dns-option', 'Set custom DNS options', { aliases: ['dns-opt'] }),
  flag('strings', 'dns-search', 'Set custom DNS search domains'),
  flag('string', 'ip', 'Specify a static IPv4 address for the container'),
  flag('string', 'ip6', 'Specify a static IPv6 address for the container'),
  flag('string', 'mac-address', 'Container MAC address (e.g. 92:d0:c6:0a:29:33)'),
  flag('stringArray', 'network', 'Connect a container to a network', { aliases: ['net'] }),
  flag('strings', 'network-alias', 'Add network-scoped alias for the container', { aliases: ['net-alias'] }),
  flag(
    'bool',
    'no-hosts',
    'Do not create /etc/hosts within the container, instead use the version from the image',
    podman,
  ),
  flag('strings', 'publish,p', "Publish a container's port, or a range of ports, to the host (default [])"),
];

const processFlags: readonly Flag[] = [
  flag('strings', 'annotation', 'Add annotations to container (key=value)'),
  flag('strings', 'attach,a', 'Attach to STDIN, STDOUT or STDERR'),
  flag('string', 'entrypoint', 'Overwrite the default ENTRYPOINT of the image'),
  flag('stringArray', 'env,e', 'Set environment variables in container'),
  flag('strings', 'env-file', 'Read in a file of environment variables'),
  flag('bool', 'env-host', 'Use all current host environment variables in container', podman),
  refusedFlag(
    'stringArray',
    'env-merge',
    'Preprocess environment variables from image before injecting them into the container',
    'set the variable with --env',
    podman,
  ),
  flag('string', 'hostname,h', 'Set container hostname'),
  flag('string', 'domainname', 'Container NIS domain name', docker),
  flag(
    'bool',
    'http-proxy',
    'Set proxy environment variables in the container based on the host proxy vars',
    { default: true, ...podman },
  ),
  flag('bool', 'init', 'Run an init binary inside the container that forwards signals and reaps processes'),
  refusedFlag(
    'string',
    'init-path',
    'Path to the container-init binary',
    'the init program is found on its usual paths',
    podman,
  ),
  flag('bool', 'interactive,i', 'Keep STDIN open even if not attached'),
  flag('stringArray', 'label,l', 'Set metadata on container'),
  flag('strings', 'label-file', 'Read in a line delimited file of labels'),
  flag('string', 'name', 'Assign a name to the container'),
  flag('bool', 'rm', 'Remove container (and pod if created) after exit'),
  flag('string', 'stop-signal', 'Signal to stop a container. Default is SIGTERM'),
  flag(
    'uint',
    'stop-timeout',
    'Timeout (in seconds) that containers stopped by user command have to exit. If exceeded, the container will be forcibly stopped via SIGKILL.',
    { default: 10 },
  ),
  flag(
    'uint',
    'timeout',
    'Maximum length of time a container is allowed to run. The container will be killed automatically after the time expires.',
    podman,
  ),
  flag('bool', 'tty,t', 'Allocate a pseudo-TTY for container'),
  flag('string', 'tz', 'Set timezone in container', podman),
  flag('string', 'umask', 'Set umask in container', { default: '0022', ...podman }),
  flag('stringArray', 'unsetenv', 'Unset environment default variables in container', podman),
  flag('bool', 'unsetenv-all', 'Unset all default environment variables in container', podman),
  flag('string', 'user,u', 'Username or UID (format: <name|uid>[:<group|gid>])'),
  flag('string', 'workdir,w', 'Working directory inside the container'),
  flag('string', 'personality', 'Configure execution domain using personality (e.g., LINUX/LINUX32)', podman),
  flag('string', 'passwd-entry', 'Entry to write to /etc/passwd', podman),
  flag('strings', 'hostuser', 'Host user account to add to /etc/passwd within container', podman),
  flag('string', 'systemd', 'Run container in systemd mode ("true"|"false"|"always")', {
    default: 'true',
    ...podman,
  }),
  flag('string', 'sdnotify', 'control sd-notify behavior ("container"|"conmon"|"ignore")', {
    default: 'container',
    ...podman,
  }),
];

const healthFlags: readonly Flag[] = [
  flag(
    'string',
    'health-cmd',
    "set a healthcheck command for the container ('none' disables the existing healthcheck)",
    { aliases: ['healthcheck-command'] },
  ),
  flag(
    'string',
    'health-interval',
    'set an interval for the healthchecks (a value of disable results in no automatic timer setup)',
    { default: '30s', aliases: ['healthcheck-interval'] },
  ),
  flag('string', 'health-on-failure', 'action to take once the container turns unhealthy', {
    default: 'none',
    ...podman,
  }),
  flag(
    'uint',
    'health-retries',
    'the number of retries allowed before a healthcheck is considered to be unhealthy',
    { default: 3, aliases: ['healthcheck-retries'] },
  ),
  flag('string', 'health-start-period', 'the initialization time needed for a container to bootstrap', {
    default: '0s',
    aliases: ['healthcheck-start-period'],
  }),
  flag('string', 'health-start-interval', 'time between checks during the start period', docker),
  flag(
    'string',
    'health-timeout',
    'the maximum time allowed to complete the healthcheck before an interval is considered failed',
    { default: '30s', aliases: ['healthcheck-timeout'] },
  ),
  flag('bool', 'no-healthcheck', 'Disable healthchecks on container'),
];

const storageFlags: readonly Flag[] = [
  flag(
    'string',
    'image-volume',
    'Tells podman how to handle the builtin image volumes ("bind"|"tmpfs"|"ignore")',
    { default: 'bind', ...podman },
  ),
  flag('stringArray', 'mount', 'Attach a filesystem mount to the container'),
  flag('bool', 'read-only', 'Make containers root filesystem read-only'),
  flag(
    'bool',
    'read-only-tmpfs',
    'When running containers in read-only mode mount a read-write tmpfs on /run, /tmp and /var/tmp',
    { default: true, ...podman },
  ),
  flag(
    'bool',
    'rootfs',
    'The first argument is not an image but the rootfs to the exploded container',
    podman,
  ),
  flag('stringArray', 'secret', 'Add secret to container', podman),
  flag('string', 'shm-size', `Size of /dev/shm ${SIZE}`, {
    default: '65536k',
    placeholder: '<number>[<unit>]',
  }),
  refusedFlag(
    'stringArray',
    'storage-opt',
    'Storage driver options for the container',
    'overlayfs has no options here',
    docker,
  ),
  flag('stringArray', 'tmpfs', 'Mount a temporary filesystem (tmpfs) into a container', {
    placeholder: 'tmpfs',
  }),
  flag('stringArray', 'volume,v', 'Bind mount a volume into the container'),
  refusedFlag(
    'string',
    'volume-driver',
    'Optional volume driver for the container',
    'there are no volume plugins',
    { acceptedValues: ['local'], ...docker },
  ),
  flag('stringArray', 'volumes-from', 'Mount volumes from the specified container(s)'),
  refusedFlag(
    'strings',
    'chrootdirs',
    'Chroot directories inside the container',
    'mount the files with --volume',
    podman,
  ),
];

const isolationFlags: readonly Flag[] = [
  flag('strings', 'cap-add', 'Add capabilities to the container'),
  flag('strings', 'cap-drop', 'Drop capabilities from the container'),
  refusedFlag(
    'strings',
    'cgroup-conf',
    'Configure cgroup v2 (key=value)',
    'use the flags of the limits',
    podman,
  ),
  flag('string', 'cgroup-parent', 'Optional parent cgroup for the container'),
  flag('string', 'cgroupns', 'cgroup namespace to use'),
  flag(
    'string',
    'cgroups',
    'control container cgroup configuration ("enabled"|"disabled"|"no-conmon"|"split")',
    { default: 'enabled', ...podman },
  ),
  flag('strings', 'device', 'Add a host device to the container'),
  flag('strings', 'device-cgroup-rule', 'Add a rule to the cgroup allowed devices list'),
  flag('strings', 'gidmap', 'GID map to use for the user namespace', podman),
  flag(
    'strings',
    'group-add',
    "Add additional groups to the primary container process. 'keep-groups' allows container processes to use supplementary groups.",
  ),
  flag('string', 'ipc', 'IPC namespace to use'),
  refusedFlag('string', 'isolation', 'Container isolation technology', 'it is for Windows', {
    acceptedValues: ['default', ''],
    ...docker,
  }),
  flag('string', 'kernel-memory', 'DEPRECATED: Option is just here for compatibility with Docker', {
    hidden: true,
  }),
  flag('bool', 'oom-kill-disable', 'Disable OOM Killer'),
  flag('int', 'oom-score-adj', "Tune the host's OOM preferences (-1000 to 1000)"),
  flag('string', 'pid', 'PID namespace to use'),
  flag('bool', 'privileged', 'Give extended privileges to container'),
  refusedFlag(
    'string',
    'seccomp-policy',
    'Policy for selecting a seccomp profile (experimental)',
    'a profile is chosen by --security-opt seccomp=',
    { default: 'default', acceptedValues: ['default'], ...podman },
  ),
  flag('stringArray', 'security-opt', 'Security Options'),
  flag('string', 'subgidname', 'Name of range listed in /etc/subgid for use in user namespace', podman),
  flag('string', 'subuidname', 'Name of range listed in /etc/subuid for use in user namespace', podman),
  flag('strings', 'sysctl', 'Sysctl options'),
  flag('strings', 'uidmap', 'UID map to use for the user namespace', podman),
  flag('strings', 'ulimit', 'Ulimit options'),
  flag('string', 'userns', 'User namespace to use'),
  flag('string', 'uts', 'UTS namespace to use'),
  flag('string', 'gpus', 'GPU devices to add to the container', {
    hidden: true,
    refused: 'there is no GPU support; give the device with --device',
    ...docker,
  }),
];

const lifeFlags: readonly Flag[] = [
  flag('string', 'arch', 'use ARCH instead of the architecture of the machine for choosing images', {
    placeholder: 'ARCH',
    ...podman,
  }),
  flag(
    'string',
    'authfile',
    'Path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to override',
    podman,
  ),
  flag('string', 'cidfile', 'Write the container ID to the file'),
  flag('string', 'conmon-pidfile', 'Path to the file that will receive the PID of conmon', podman),
  flag('bool', 'disable-content-trust', 'This is a Docker specific option and is a NOOP'),
  flag('strings', 'expose', 'Expose a port or a range of ports'),
  refusedFlag(
    'strings',
    'link',
    'Add link to another container',
    'containers of one network find each other by name',
    docker,
  ),
  refusedFlag(
    'strings',
    'link-local-ip',
    'Container IPv4/IPv6 link-local addresses',
    'addresses are given with --ip and --ip6',
    docker,
  ),
  flag('string', 'log-driver', 'Logging driver for the container', { default: 'k8s-file' }),
  flag('strings', 'log-opt', 'Logging driver options'),
  flag('string', 'os', 'use OS instead of the running OS for choosing images', {
    placeholder: 'OS',
    ...podman,
  }),
  flag('string', 'pidfile', 'Write the container process ID to the file', podman),
  flag(
    'string',
    'platform',
    'Specify the platform for selecting the image.  (Conflicts with --arch and --os)',
  ),
  flag('string', 'pod', 'Run container in an existing pod', podman),
  flag('string', 'pod-id-file', 'Read the pod ID from the file', podman),
  flag('bool', 'publish-all,P', 'Publish all exposed ports to random ports on the host interface'),
  flag('string', 'pull', 'Pull image policy', { default: 'missing' }),
  flag('bool', 'quiet,q', 'Suppress output information when pulling images'),
  flag('bool', 'replace', 'If a container with the same name exists, replace it', podman),
  flag(
    'strings',
    'requires',
    'Add one or more requirement containers that must be started before this container will start',
    podman,
  ),
  flag(
    'string',
    'restart',
    'Restart policy to apply when a container exits ("always"|"no"|"on-failure"|"unless-stopped")',
  ),
  flag('string', 'signature-policy', 'Pathname of signature policy file (not usually used)', {
    hidden: true,
    ...podman,
  }),
  flag(
    'bool',
    'tls-verify',
    'Require HTTPS and verify certificates when contacting registries for pulling images',
    { default: true, ...podman },
  ),
  flag('string', 'variant', 'Use VARIANT instead of the running architecture variant for choosing images', {
    placeholder: 'VARIANT',
    ...podman,
  }),
];

/** What `run` and `create` both have. */
export const createFlags: readonly Flag[] = [
  ...limitFlags,
  ...networkFlags,
  ...processFlags,
  ...healthFlags,
  ...storageFlags,
  ...isolationFlags,
  ...lifeFlags,
];
