import type { ContainerMount } from '../../engine/index.ts';
import type { CreateOptions } from '../create-options.ts';

const INITS = new Set(['/sbin/init', '/usr/sbin/init', '/usr/local/sbin/init']);

/** What systemd ends by, as `docker stop` and `podman stop` are to ask it (systemd(1), "Signals"). */
export const SYSTEMD_STOP_SIGNAL = 'SIGRTMIN+3';

/** Whether the command is systemd, or is to be treated so (podman-run(1), `--systemd`). */
export function isSystemd(options: CreateOptions, command: readonly string[]): boolean {
  const asked = options.Podman?.Systemd ?? 'true';
  if (asked === 'always') return true;
  const [program = ''] = command;
  return asked === 'true' && (INITS.has(program) || program === 'systemd' || program.endsWith('/systemd'));
}

const TMPFS = ['/run', '/run/lock', '/tmp', '/var/log/journal'];

/** What systemd wants to write to, where nothing else is mounted: its folders, and its own control group. */
export function systemdMounts(isFree: (path: string) => boolean): ContainerMount[] {
  const folders = TMPFS.map((destination): ContainerMount => {
    const mode = destination === '/tmp' ? 'mode=1777' : 'mode=755';
    const options = ['rw', 'rprivate', 'nosuid', 'nodev', 'tmpcopyup', mode];
    return { type: 'tmpfs', source: 'tmpfs', destination, options };
  });
  const cgroup: ContainerMount = {
    ...{ type: 'cgroup', source: 'cgroup', destination: '/sys/fs/cgroup' },
    options: ['rw', 'rprivate', 'nosuid', 'noexec', 'nodev', 'relatime'],
  };
  return [...folders, cgroup].filter(({ destination }) => isFree(destination));
}
