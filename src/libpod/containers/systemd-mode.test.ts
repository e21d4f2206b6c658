import { expect, test } from 'vitest';
import { isSystemd, systemdMounts } from './systemd-mode.ts';

test.each([
  [undefined, '/sbin/init', true],
  [undefined, '/usr/lib/systemd/systemd', true],
  [undefined, '/bin/sh', false],
  [undefined, '/opt/my-systemd', false],
  ['false', '/sbin/init', false],
  ['always', '/bin/sh', true],
])('--systemd %s with %s: %s', (systemd, program, expected) => {
  const options = {
    ...{ Config: { Image: 'x' }, HostConfig: {} },
    Podman: { ...(systemd !== undefined && { Systemd: systemd }) },
  };
  expect(isSystemd(options, [program])).toBe(expected);
});

test('what is mounted by the caller stays', () => {
  const places = systemdMounts((path) => path !== '/tmp').map((one) => one.destination);
  expect(places).toEqual(['/run', '/run/lock', '/var/log/journal', '/sys/fs/cgroup']);
});
