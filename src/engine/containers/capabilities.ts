import { BadRequest } from '../../base/index.ts';
import { readProc } from '../system/process-identity.ts';

/** In the kernel's order (include/uapi/linux/capability.h). */
const ALL = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE ' +
  'NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT ' +
  'SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE ' +
  'AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ ' +
  'PERFMON BPF CHECKPOINT_RESTORE'
)
  .split(' ')
  .map((name) => `CAP_${name}`);

/** Docker's default set. */
const DEFAULT = (
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT ' +
  'KILL AUDIT_WRITE'
)
  .split(' ')
  .map((name) => `CAP_${name}`);

/** What this process may hand on: its own bounding set. */
export function availableCapabilities(): string[] {
  const mask = /^CapBnd:\s*([0-9a-f]+)/m.exec(readProc('/proc/self/status') ?? '')?.[1];
  const bits = BigInt(`0x${mask ?? '0'}`);
  return ALL.filter((_, i) => (bits >> BigInt(i)) & 1n);
}

/**
 * The capabilities of a container: Docker's default, plus `add`, minus `drop`; `ALL` in either means what it
 * says. `add` wins over `drop: [ALL]`, as in Kubernetes.
 *
 * @throws BadRequest for an unknown name, or one asked for by name that this host cannot give.
 */
export function containerCapabilities(
  options: {
    add?: readonly string[];
    drop?: readonly string[];
    privileged?: boolean;
    /** Instead of Docker's default set. */
    base?: readonly string[];
  },
  available: readonly string[],
): string[] {
  if (options.privileged) return ALL.filter((one) => available.includes(one));
  const add = (options.add ?? []).map(canonical);
  const drop = (options.drop ?? []).map(canonical);
  const asked = add.filter((one) => one !== 'ALL');
  for (const one of asked)
    if (!available.includes(one)) throw new BadRequest(`the capability ${one} is not available on this host`);
  const base = drop.includes('ALL')
    ? []
    : add.includes('ALL')
      ? ALL
      : (options.base ?? DEFAULT).map(canonical);
  const kept = base.filter((one) => available.includes(one) && !drop.includes(one));
  const added = asked.filter((one) => !kept.includes(one) && !drop.includes(one));
  return [...kept, ...added];
}

function canonical(name: string): string {
  const upper = name.toUpperCase();
  if (upper === 'ALL') return upper;
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (!ALL.includes(full)) throw new BadRequest(`unknown capability ${JSON.stringify(name)}`);
  return full;
}
