import { accessSync, closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';

/** Ways to the outside that a container in a network namespace of the user's own may have. */
export type OutsideProgram = 'slirp4netns' | 'pasta';

const FOLDERS = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'];
const TUN = '/dev/net/tun';

export function findOutsideProgram(name: OutsideProgram | 'ip' | 'nft'): string | undefined {
  return FOLDERS.map((folder) => join(folder, name)).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      // Not in this folder.
      return false;
    }
  });
}

/** One line, with what would help, when this host lets `program` carry nothing; undefined when it does. */
export function whyNoOutside(program: OutsideProgram): string | undefined {
  if (findOutsideProgram(program) === undefined)
    return `${program} is not installed (apt-get install ${program === 'pasta' ? 'passt' : program})`;
  return whyNoTun();
}

/** What `default` takes of what this host allows; the relay of our own needs rules and links only. */
export function defaultWay(): { way: OutsideProgram | 'relay' } | { why: string } {
  const slirp = whyNoOutside('slirp4netns');
  if (slirp === undefined) return { way: 'slirp4netns' };
  if (whyNoOutside('pasta') === undefined) return { way: 'pasta' };
  const missing = (['ip', 'nft'] as const).filter((name) => findOutsideProgram(name) === undefined);
  if (missing.length === 0) return { way: 'relay' };
  return { why: `${slirp}, and not installed: ${missing.join(', ')} (apt-get install iproute2 nftables)` };
}

function whyNoTun(): string | undefined {
  try {
    closeSync(openSync(TUN, constants.O_RDWR));
    return undefined;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === 'ENOENT' || code === 'ENODEV' || code === 'ENXIO'
      ? `this host has no ${TUN} (as root: modprobe tun)`
      : `${TUN} is not for ordinary users here (as root: chmod 0666 ${TUN})`;
  }
}
