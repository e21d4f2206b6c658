import { type Flag, flag, refusedFlag } from '../../grammar/index.ts';

const PODMAN = { tools: ['podman'] } as const;
const NAMESPACES = 'a step of a build has namespaces of its own, but for the network and the user';

const image: readonly Flag[] = [
  flag('stringArray', 'tag,t', 'tagged name to apply to the built image', { placeholder: 'name' }),
  flag('stringArray', 'file,f', 'pathname or URL of a Dockerfile', { placeholder: 'pathname or URL' }),
  flag('stringArray', 'build-arg', 'argument=value to supply to the builder', {
    placeholder: 'argument=value',
  }),
  flag('stringArray', 'build-context', 'argument=value to supply additional build context to the builder', {
    placeholder: 'argument=value',
  }),
  flag('string', 'target', 'set the target build stage to build'),
  flag(
    'string',
    'from',
    'image name used to replace the value in the first FROM instruction in the Containerfile',
    PODMAN,
  ),
  flag('stringArray', 'label', 'set metadata for an image'),
  flag('stringArray', 'annotation', 'set metadata for an image'),
  flag('stringArray', 'env', 'set environment variable for the image', PODMAN),
  flag('strings', 'unsetenv', 'unset environment variable from final image', PODMAN),
  flag(
    'string',
    'format',
    "format of the built image's manifest and metadata. Use BUILDAH_FORMAT environment variable to override.",
    {
      placeholder: 'format',
      ...PODMAN,
    },
  ),
  flag(
    'strings',
    'platform',
    'set the OS/ARCH/VARIANT of the image to the provided value instead of the current operating system and architecture of the host (for example linux/arm)',
    {
      placeholder: 'linux/arm',
    },
  ),
  flag(
    'string',
    'arch',
    'set the ARCH of the image to the provided value instead of the architecture of the host',
    PODMAN,
  ),
  flag(
    'string',
    'os',
    'set the OS to the provided value instead of the current operating system of the host',
    PODMAN,
  ),
  flag('string', 'variant', 'override the variant of the specified image', {
    placeholder: 'variant',
    ...PODMAN,
  }),
  flag(
    'int',
    'timestamp',
    'set created timestamp to the specified epoch seconds to allow for deterministic builds, defaults to current time',
    PODMAN,
  ),
  flag(
    'string',
    'manifest',
    'add the image to the specified manifest list. Creates it if it is not there.',
    PODMAN,
  ),
  flag('string', 'iidfile', 'file to write the image ID to', { placeholder: 'file' }),
  flag('string', 'ignorefile', 'path to an alternate .dockerignore file', PODMAN),
];

const cache: readonly Flag[] = [
  flag(
    'bool',
    'no-cache',
    'do not use existing cached images for the container build. Build from the start with a new set of cached layers.',
  ),
  flag('stringArray', 'cache-from', 'image whose steps may stand for those of this build'),
  flag(
    'bool',
    'layers',
    'cache intermediate layers during build. Use BUILDAH_LAYERS environment variable to override.',
    {
      default: true,
      ...PODMAN,
    },
  ),
  flag('bool', 'squash', 'squash newly built layers into a single new layer'),
  flag('bool', 'squash-all', 'Squash all layers into a single layer', PODMAN),
  flag('bool', 'rm', 'remove intermediate containers after a successful build', { default: true }),
  flag(
    'bool',
    'force-rm',
    'always remove intermediate containers after a build, even if the build is unsuccessful.',
    {
      default: true,
    },
  ),
  flag('string', 'pull', 'Always attempt to pull the image (errors are fatal)', {
    default: 'true',
    bareValue: 'true',
  }),
  flag('bool', 'pull-always', 'pull the image even if the named image is present in store', { hidden: true }),
  flag('bool', 'pull-never', 'do not pull the image, use the image present in store if available', {
    hidden: true,
  }),
  flag('int', 'jobs', 'how many stages to run in parallel', { default: 1, ...PODMAN }),
  flag(
    'bool',
    'skip-unused-stages',
    'skips stages in multi-stage builds which do not affect the final target',
    {
      default: true,
      acceptedValues: ['true'],
      refused: 'a stage that nothing needs is not built',
      ...PODMAN,
    },
  ),
];

const output: readonly Flag[] = [
  flag('bool', 'quiet,q', 'refrain from announcing build instructions and image read/write progress'),
  flag('string', 'logfile', 'log to file instead of stdout/stderr', { placeholder: 'file', ...PODMAN }),
  flag('string', 'progress', 'Set type of progress output ("auto", "plain", "tty", "rawjson")', {
    default: 'auto',
    tools: ['docker'],
  }),
  flag('bool', 'load', 'The image is in the local store in any case', { tools: ['docker'] }),
  flag('bool', 'push', 'Push the image to its registries after the build', { tools: ['docker'] }),
];

const registry: readonly Flag[] = [
  flag('string', 'authfile', 'path of the authentication file.', PODMAN),
  flag('string', 'cert-dir', 'use certificates at the specified path to access the registry', PODMAN),
  flag('string', 'creds', 'use [username[:password]] for accessing the registry', {
    placeholder: '[username[:password]]',
    ...PODMAN,
  }),
  flag('bool', 'tls-verify', 'require HTTPS and verify certificates when accessing the registry', {
    default: true,
    ...PODMAN,
  }),
];

const steps: readonly Flag[] = [
  flag('stringArray', 'secret', 'secret file to expose to the build'),
  flag(
    'string',
    'network',
    "'host', 'none', or 'ns:path' of a network namespace to join; by default steps use the host's network",
  ),
  flag('strings', 'add-host', 'add a custom host-to-IP mapping (host:ip)', { placeholder: 'host:ip' }),
  flag(
    'bool',
    'no-hosts',
    'do not create new /etc/hosts files for RUN instructions, use the one from the base image.',
    PODMAN,
  ),
  flag('strings', 'dns', 'set custom DNS servers', PODMAN),
  flag('strings', 'dns-option', 'set custom DNS options', PODMAN),
  flag('strings', 'dns-search', 'set custom DNS search domains', PODMAN),
  flag('strings', 'cap-add', 'add the specified capability when running', PODMAN),
  flag('strings', 'cap-drop', 'drop the specified capability when running', PODMAN),
  flag('stringArray', 'security-opt', 'security options'),
  flag('strings', 'ulimit', 'ulimit options'),
  flag('string', 'memory,m', 'memory limit (format: <number>[<unit>], where unit = b, k, m or g)'),
  flag('uint', 'cpu-shares,c', 'CPU shares (relative weight)'),
  flag('uint', 'cpu-period', 'limit the CPU CFS (Completely Fair Scheduler) period'),
  flag('int', 'cpu-quota', 'limit the CPU CFS (Completely Fair Scheduler) quota'),
  flag('string', 'shm-size', "size of '/dev/shm'. The format is <number><unit>.", {
    placeholder: '<number><unit>',
  }),
  flag('stringArray', 'volume,v', 'bind mount a volume into the container', PODMAN),
  flag('strings', 'runtime-flag', 'add global flags for the container runtime', PODMAN),
  flag('bool', 'http-proxy', 'pass through HTTP Proxy environment variables', { default: true, ...PODMAN }),
  flag(
    'string',
    'isolation',
    'type of process isolation to use. Use BUILDAH_ISOLATION environment variable to override.',
    {
      default: 'oci',
      acceptedValues: ['oci', 'default', ''],
      refused: 'steps are run by the OCI runtime',
      placeholder: 'type',
    },
  ),
];

/** Known, and refused with the reason. Those with values that change nothing are accepted with these. */
const refused: readonly Flag[] = [
  refusedFlag(
    'bool',
    'all-platforms',
    'attempt to build for all base image platforms',
    'build one platform at a time',
    PODMAN,
  ),
  refusedFlag(
    'stringArray',
    'cache-to',
    'remote repository to utilise as potential cache destination.',
    'steps are kept in the local store only',
  ),
  refusedFlag(
    'string',
    'cache-ttl',
    'only consider cache images under specified duration.',
    'a cached step has no age',
    PODMAN,
  ),
  refusedFlag(
    'string',
    'cgroup-parent',
    'optional parent cgroup for the container',
    'each step has a control group of its own',
  ),
  refusedFlag('string', 'cgroupns', "'private', or 'host'", NAMESPACES, {
    acceptedValues: ['private'],
    ...PODMAN,
  }),
  flag('bool', 'compress', 'this is a legacy option, which has no effect on the image'),
  refusedFlag(
    'stringArray',
    'cpp-flag',
    'set additional flag to pass to C preprocessor (cpp)',
    'Dockerfiles are not preprocessed',
    PODMAN,
  ),
  refusedFlag(
    'string',
    'cpuset-cpus',
    'CPUs in which to allow execution (0-3, 0,1)',
    'steps may run on every CPU',
  ),
  refusedFlag(
    'string',
    'cpuset-mems',
    'memory nodes (MEMs) in which to allow execution (0-3, 0,1).',
    'steps may use every memory node',
  ),
  refusedFlag(
    'strings',
    'decryption-key',
    'key needed to decrypt the image',
    'encrypted images are not supported',
    PODMAN,
  ),
  refusedFlag(
    'stringArray',
    'device',
    'additional devices to be used within containers',
    'steps have the default devices',
    PODMAN,
  ),
  flag('bool', 'disable-compression,D', "don't compress layers by default", {
    default: true,
    acceptedValues: ['true'],
    refused: 'layers are compressed when they are pushed',
    ...PODMAN,
  }),
  flag('bool', 'disable-content-trust', 'this is a Docker specific option and is a NOOP', { hidden: true }),
  refusedFlag(
    'stringArray',
    'hooks-dir',
    'set the OCI hooks directory path (may be set multiple times)',
    'OCI hooks are not run',
    PODMAN,
  ),
  flag('bool', 'identity-label', 'add default identity label', { default: true, hidden: true, ...PODMAN }),
  refusedFlag('string', 'ipc', "'private', path of IPC namespace to join, or 'host'", NAMESPACES, {
    acceptedValues: ['private'],
    ...PODMAN,
  }),
  refusedFlag('string', 'pid', "private, path of PID namespace to join, or 'host'", NAMESPACES, {
    acceptedValues: ['private'],
    ...PODMAN,
  }),
  refusedFlag('string', 'uts', "private, :path of UTS namespace to join, or 'host'", NAMESPACES, {
    acceptedValues: ['private'],
    ...PODMAN,
  }),
  refusedFlag('string', 'userns', "'container', path of user namespace to join, or 'host'", NAMESPACES, {
    acceptedValues: ['host'],
    ...PODMAN,
  }),
  refusedFlag(
    'bool',
    'logsplit',
    'split logfile to different files for each platform',
    'build one platform at a time',
    PODMAN,
  ),
  refusedFlag(
    'string',
    'memory-swap',
    "swap limit equal to memory plus swap: '-1' to enable unlimited swap",
    'it is as large as --memory',
  ),
  refusedFlag(
    'bool',
    'omit-history',
    'omit build history information from built image',
    'the history is what a step is found by',
    PODMAN,
  ),
  refusedFlag(
    'string',
    'os-feature',
    'set required OS feature for the target image',
    'images are for Linux',
    PODMAN,
  ),
  refusedFlag(
    'string',
    'os-version',
    'set required OS version for the target image',
    'images are for Linux',
    PODMAN,
  ),
  refusedFlag(
    'stringArray',
    'output,o',
    'output destination (format: type=local,dest=path)',
    'use save or export',
    { acceptedValues: ['type=image', 'type=docker'] },
  ),
  refusedFlag(
    'int',
    'retry',
    'number of times to retry in case of failure when performing push/pull',
    'it is three times',
    { acceptedValues: ['3'], ...PODMAN },
  ),
  refusedFlag(
    'string',
    'retry-delay',
    'delay between retries in case of push/pull failures',
    'it grows from one to the next',
    PODMAN,
  ),
  refusedFlag(
    'string',
    'sign-by',
    'sign the image using a GPG key with the specified FINGERPRINT',
    'sign it when it is pushed',
    PODMAN,
  ),
  refusedFlag(
    'stringArray',
    'ssh',
    'SSH agent socket or keys to expose to the build.',
    'RUN --mount=type=ssh is not supported',
  ),
  refusedFlag('bool', 'stdin', 'pass stdin into containers', 'steps have no input', PODMAN),
  refusedFlag('string', 'builder', 'Override the configured builder instance', 'there is one', {
    acceptedValues: ['', 'default'],
    tools: ['docker'],
  }),
  refusedFlag('stringArray', 'allow', 'Allow extra privileged entitlement', 'steps have no entitlements', {
    tools: ['docker'],
  }),
  refusedFlag('stringArray', 'attest', 'Attestation parameters', 'attestations are not made', {
    tools: ['docker'],
  }),
  refusedFlag('string', 'sbom', 'Shorthand for "--attest=type=sbom"', 'attestations are not made', {
    acceptedValues: ['false'],
    tools: ['docker'],
  }),
  refusedFlag(
    'string',
    'provenance',
    'Shorthand for "--attest=type=provenance"',
    'attestations are not made',
    { acceptedValues: ['false'], tools: ['docker'] },
  ),
  refusedFlag('string', 'metadata-file', 'Write build result metadata to a file', 'use --iidfile', {
    tools: ['docker'],
  }),
  refusedFlag(
    'strings',
    'userns-uid-map',
    'containerUID:hostUID:length UID mapping to use in user namespace',
    NAMESPACES,
    PODMAN,
  ),
  refusedFlag(
    'strings',
    'userns-gid-map',
    'containerGID:hostGID:length GID mapping to use in user namespace',
    NAMESPACES,
    PODMAN,
  ),
  refusedFlag('string', 'userns-uid-map-user', 'name of entries from /etc/subuid', NAMESPACES, PODMAN),
  refusedFlag('string', 'userns-gid-map-group', 'name of entries from /etc/subgid', NAMESPACES, PODMAN),
];

export const buildFlags: readonly Flag[] = [...image, ...cache, ...output, ...registry, ...steps, ...refused];
