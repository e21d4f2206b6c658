import { expect, test } from 'vitest';
import { FlagValues } from '../../grammar/index.ts';
import { parseFlags } from '../../grammar/parse-flags.ts';
import { createFlags } from './create-flags.ts';
import { createOptionsOf } from './create-options.ts';

const FILES: Record<string, string> = {
  env: '# comment\nA=1\n  B=two words\nHOME\nNOT_THERE\n',
  labels: 'one=1\n# no\ntwo\n',
  podid: 'abc\n',
};

function create(...words: string[]) {
  const { given, args } = parseFlags([...words, 'image', 'cmd', '-x'], createFlags, {
    interspersed: false,
    command: 'podman run',
  });
  return createOptionsOf({
    flags: new FlagValues(createFlags, given),
    args,
    program: 'podman',
    commandLine: ['podman', 'run'],
    absolute: (path) => (path.startsWith('/') ? path : `/here/${path.replace(/^\.\//, '')}`),
    caller: {
      environment: { HOME: '/root', XA: '1', XB: '2' },
      readText: (path) => {
        const text = FILES[path];
        if (text === undefined) throw Object.assign(new Error('no'), { code: 'ENOENT' });
        return text;
      },
    },
  });
}

test('the image and what follows it are Image and Cmd', () => {
  expect(create('-it', '--name', 'c1', '-h', 'host', '-u', '1:2', '-w', '/w')).toMatchObject({
    Name: 'c1',
    Config: {
      ...{ Image: 'image', Cmd: ['cmd', '-x'], Tty: true, OpenStdin: true, Hostname: 'host' },
      ...{ User: '1:2', WorkingDir: '/w' },
    },
  });
});

test.each([
  ['8080:80', { '80/tcp': [{ HostIp: '', HostPort: '8080' }] }],
  ['80', { '80/tcp': [{ HostIp: '', HostPort: '' }] }],
  ['127.0.0.1::80/udp', { '80/udp': [{ HostIp: '127.0.0.1', HostPort: '' }] }],
  ['[::1]:1:2', { '2/tcp': [{ HostIp: '::1', HostPort: '1' }] }],
  ['1-2:5-6', { '5/tcp': [{ HostIp: '', HostPort: '1' }], '6/tcp': [{ HostIp: '', HostPort: '2' }] }],
  ['0.0.0.0:1:2/tcp', { '2/tcp': [{ HostIp: '', HostPort: '1' }] }],
])('-p %s', (port, bindings) => {
  expect(create('-p', port).HostConfig.PortBindings).toEqual(bindings);
});

test.each([
  ['a:b', 'parsing container port: invalid port number: strconv.Atoi: parsing "b": invalid syntax'],
  ['1-3:5-6', 'host and container port ranges have different lengths: 3 vs 2'],
  ['1:2:3:4', 'invalid port format - format is [[hostIP:]hostPort:]containerPort'],
  ['99999', 'parsing container port: port numbers must be between 1 and 65535 (inclusive), got 99999'],
  ['x:1:2', 'cannot parse "x" as an IP address'],
  ['1:2/tcp/udp', 'invalid port format - protocol can only be specified once'],
  [
    '2-1',
    'parsing container port: the end port of a range must be higher than the start port - 1 is not higher than 2',
  ],
])('-p %s is refused: %s', (port, message) => {
  expect(() => create('-p', port)).toThrow(message);
});

test('volumes are binds, named or anonymous', () => {
  const options = create('-v', '/a:/b:ro,z', '-v', './x:/y', '-v', 'vol:/v/', '-v', '/anon');
  expect(options.HostConfig.Binds).toEqual(['/a:/b:ro,z', '/here/x:/y', 'vol:/v']);
  expect(options.Config.Volumes).toEqual({ '/anon': {} });
});

test.each([
  ['-v', '/a:b', 'invalid container path "b", must be an absolute path'],
  ['-v', '/a:/b:ro,rw', "invalid options \"ro,rw\", can only specify 1 'rw' or 'ro' option"],
  ['-v', '/a:/b:nothing', 'invalid option type "nothing"'],
  ['--mount', 'source=/a', 'incorrect mount format'],
  ['--mount', 'type=bind,source=/a', 'must set volume destination'],
  ['--mount', 'type=bind,src=/a,dst=/b,what=1', 'what: invalid mount option'],
  ['--mount', 'type=odd,dst=/b', 'invalid filesystem type "odd"'],
  [
    '--mount',
    'type=bind,src=/a,dst=/b,ro,rw',
    "cannot pass 'readonly', 'ro', or 'rw' options more than once",
  ],
  ['--tmpfs', 'a', 'invalid container path "a", must be an absolute path'],
  ['--memory', 'lots', "invalid value for memory: invalid size: 'lots'"],
  ['--ulimit', 'nofile', 'ulimit option "nofile" requires name=SOFT:HARD'],
  ['--restart', 'always:3', 'restart policy retries can only be specified with on-failure restart policy'],
  ['--restart', 'sometimes', 'invalid container restart policy "sometimes"'],
  ['--health-cmd', 'x', '--no-healthcheck', 'cannot specify both --no-healthcheck and --health-cmd'],
  ['--env-file', 'gone', 'open gone: no such file or directory'],
  ['--annotation', 'x', 'annotations must be formatted KEY=VALUE'],
  ['--security-opt', 'what=1', 'invalid --security-opt 2: "what=1"'],
  ['--add-host', 'x', 'bad format for add-host: "x"'],
  ['--network', 'none', '--dns', '1.1.1.1', 'conflicting options: dns and the network mode: none'],
  [
    '--network',
    'host',
    '--network',
    'b',
    'cannot set multiple networks without bridge network mode, selected mode host',
  ],
  ['--rm', '--restart', 'always', 'the --rm option conflicts with --restart'],
  ['--cpus', '1', '--cpu-quota', '5', '--cpu-quota and --cpus cannot be set together'],
  ['--secret', 'a,b', 'option b must be in form option=value: parsing secret'],
  ['--gpus', 'all', '--gpus is not supported: there is no GPU support'],
  ['--uts', 'what', 'unrecognized namespace mode what passed'],
  ['--stop-signal', 'NOPE', 'invalid signal: NOPE'],
  ['--sysctl', 'kernel.foo=1', "sysctl 'kernel.foo=1' is not allowed"],
])('%s %s is refused', (...words) => {
  const message = words.at(-1)!;
  expect(() => create(...words.slice(0, -1))).toThrow(message);
});

test('--mount knows binds, volumes, tmpfs and images', () => {
  const mounts = [
    'type=bind,src=/a,dst=/b,ro=true,bind-propagation=rshared,relabel=private',
    'type=volume,src=v,target=/v,volume-opt=type=tmpfs,U',
    'type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770,noexec',
    'type=image,src=img,dst=/i,rw=true',
  ].flatMap((mount) => ['--mount', mount]);
  expect(create(...mounts).HostConfig.Mounts).toEqual([
    {
      Type: 'bind',
      Source: '/a',
      Target: '/b',
      ReadOnly: true,
      BindOptions: { Propagation: 'rshared' },
      Options: ['Z'],
    },
    {
      Type: 'volume',
      Source: 'v',
      Target: '/v',
      Options: ['U'],
      VolumeOptions: { DriverConfig: { Options: { type: 'tmpfs' } } },
    },
    {
      Type: 'tmpfs',
      Target: '/t',
      TmpfsOptions: { SizeBytes: 1_048_576, Mode: 0o1770 },
      Options: ['noexec'],
    },
    { Type: 'image', Source: 'img', Target: '/i', ReadOnly: false },
  ]);
});

test('variables come from files, then flags, then the caller for those without a value', () => {
  expect(create('--env-file', 'env', '-e', 'A=3', '-e', 'X*', '-e', 'NONE').Config.Env).toEqual([
    ...['A=3', 'B=two words', 'HOME=/root', 'XA=1', 'XB=2'],
  ]);
});

test('labels come from files, then flags', () => {
  expect(create('--label-file', 'labels', '-l', 'one=2').Config.Labels).toEqual({ one: '2', two: '' });
});

test('limits are in bytes and billionths of a processor; swap is twice the memory', () => {
  expect(create('-m', '1.5g', '--cpus', '0.5', '--pids-limit', '-1').HostConfig).toMatchObject({
    ...{ Memory: 1_610_612_736, MemorySwap: 3_221_225_472, NanoCpus: 5e8, PidsLimit: 0 },
  });
});

test('health, restart, devices, limits of processes, secrets', () => {
  const options = create(
    ...['--health-cmd', 'curl x || exit 1', '--health-interval', '5s', '--restart', 'on-failure:3'],
    ...[
      '--device',
      '/dev/a:/dev/b:r',
      '--ulimit',
      'nofile=1:2',
      '--secret',
      's,type=env,target=S',
      '--secret',
      't',
    ],
  );
  expect(options.Config.Healthcheck).toEqual({
    ...{ Test: ['CMD-SHELL', 'curl x || exit 1'], Interval: 5e9, Timeout: 30e9, StartPeriod: 0, Retries: 3 },
  });
  expect(options.HostConfig).toMatchObject({
    RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
    Devices: [{ PathOnHost: '/dev/a', PathInContainer: '/dev/b', CgroupPermissions: 'r' }],
    Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }],
  });
  expect(options.Podman?.Secrets).toEqual([
    { Source: 's', Type: 'env', Target: 'S' },
    { Source: 't', Type: 'mount' },
  ]);
});

test('networks carry their addresses and names', () => {
  expect(create('--network', 'a:ip=10.0.0.5,alias=x', '--network', 'b')).toMatchObject({
    HostConfig: { NetworkMode: 'a' },
    NetworkingConfig: {
      EndpointsConfig: { a: { IPAMConfig: { IPv4Address: '10.0.0.5' }, Aliases: ['x'] }, b: {} },
    },
  });
  expect(create('--ip', '10.88.0.9').NetworkingConfig).toEqual({
    EndpointsConfig: { default: { IPAMConfig: { IPv4Address: '10.88.0.9' } } },
  });
  expect(create('--network', 'none').HostConfig.NetworkMode).toBe('none');
});

test('an entrypoint is a word, a JSON array or nothing', () => {
  expect(create('--entrypoint', '["a","b"]').Config.Entrypoint).toEqual(['a', 'b']);
  expect(create('--entrypoint', 'a b').Config.Entrypoint).toEqual(['a b']);
  expect(create('--entrypoint', '').Config.Entrypoint).toEqual(['']);
});
