import { expect, test } from 'vitest';
import { readCreateBody } from './create-body.ts';

test('takes what the docker client sends', () => {
  const options = readCreateBody(
    {
      ...{ Hostname: '', Image: 'alpine', Tty: true, Cmd: ['top'], Entrypoint: null, Volumes: { '/v': {} } },
      HostConfig: {
        ...{ Binds: ['/a:/b'], PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] } },
        ...{ ConsoleSize: [0, 0], Isolation: '', DeviceRequests: null, CpuCount: 0, NetworkMode: 'default' },
        ...{ RestartPolicy: { Name: 'no', MaximumRetryCount: 0 }, MaskedPaths: null },
      },
      NetworkingConfig: { EndpointsConfig: { default: { Aliases: ['x'], IPPrefixLen: 0 } } },
    },
    'web',
    undefined,
  );
  expect(options).toEqual({
    Name: 'web',
    Config: { Hostname: '', Image: 'alpine', Tty: true, Cmd: ['top'], Volumes: { '/v': {} } },
    HostConfig: {
      ...{ Binds: ['/a:/b'], PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] } },
      ...{ NetworkMode: 'default', RestartPolicy: { Name: 'no', MaximumRetryCount: 0 } },
    },
    NetworkingConfig: { EndpointsConfig: { default: { Aliases: ['x'] } } },
  });
});

test('names are read in any case, a command also as one string, and other options of the client are left', () => {
  const options = readCreateBody(
    { image: 'a', cmd: 'ls', name: 'ignored', HostConfig: { TmpFs: { '/t': 'rw' } } },
    undefined,
    undefined,
  );
  expect(options.Config).toEqual({ Image: 'a', Cmd: ['ls'] });
  expect(options.HostConfig).toEqual({ Tmpfs: { '/t': 'rw' } });
});

test('the address of API 1.43 goes to the main network', () => {
  const { Config, NetworkingConfig } = readCreateBody(
    { Image: 'a', MacAddress: '02:00:00:00:00:01' },
    undefined,
    undefined,
  );
  expect(Config).toEqual({ Image: 'a' });
  expect(NetworkingConfig).toEqual({ EndpointsConfig: { bridge: { MacAddress: '02:00:00:00:00:01' } } });
});

test.each([
  [{ HostConfig: { DeviceRequests: [{ Count: -1 }] } }, 'HostConfig.DeviceRequests is not supported'],
  [{ HostConfig: { Mounts: [{ Type: 'bind', New: 1 }] } }, 'HostConfig.Mounts[0].New is not supported'],
  [{ HostConfig: { Memory: '1g' } }, 'HostConfig.Memory is not a whole number'],
  [{ HostConfig: [] }, 'HostConfig is not an object'],
  [{ Env: 'A=b' }, 'Env is not a list of strings'],
  [{ Labels: { a: 1 } }, 'Labels.a is not a string'],
  [{ HostConfig: { PortBindings: { x: [] } } }, 'invalid port specification: "x"'],
  [{ HostConfig: { PortBindings: { '80/tcp': {} } } }, 'HostConfig.PortBindings.80/tcp is not a list'],
])('refuses %j', (body, message) => {
  expect(() => readCreateBody(body, undefined, undefined)).toThrow(message);
});

test('refuses a name that is none', () => {
  expect(() => readCreateBody({ Image: 'a' }, 'a b', undefined)).toThrow('Invalid container name (a b)');
});

test('a host port of 0 is any free one', () => {
  const PortBindings = { '80/tcp': [{ HostPort: '0' }], '81/tcp': null };
  const { HostConfig } = readCreateBody({ Image: 'a', HostConfig: { PortBindings } }, undefined, undefined);
  expect(HostConfig.PortBindings).toEqual({ '80/tcp': [{ HostPort: '' }], '81/tcp': null });
});
