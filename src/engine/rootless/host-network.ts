import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OrreryError, runCommand } from '../../base/index.ts';
import { readText } from '../containers/records.ts';
import { withFileLock } from '../system/lock.ts';
import { detachMount, mountsBelow } from '../system/mounts.ts';
import { isProcessAlive, processIdentity } from '../system/process-identity.ts';
import { enteredDirectory } from './namespace-holder.ts';
import { OutboundWay } from './outbound-way.ts';
import { defaultWay, findOutsideProgram } from './outside-programs.ts';
import { slirpOptions, startSlirp } from './slirp4netns.ts';

/**
 * The network namespace that stands for the host to an ordinary user's networks: bridges, pairs and rules are
 * made in it, with the rights of the user namespace's root. One for all commands of the user; it is pinned
 * where their namespaces are marked, so that it goes when they go. A slirp4netns leads out of it where the host
 * allows, else the relay of outbound-relay.ts.
 */
export class RootlessHostNetwork {
  readonly #outbound: OutboundWay;
  #hasEntered = false;

  /** @param self program and script that start ourselves */
  constructor(self: readonly string[]) {
    this.#outbound = new OutboundWay(self);
  }

  /** Program and arguments that run another one there; makes it when it is not there. */
  async enter(): Promise<readonly string[]> {
    const place = this.#place();
    this.#hasEntered = true;
    if ((await mountsBelow(place.pin)).length === 0) await withFileLock(place.lock, () => this.#make(place));
    return ['nsenter', `--net=${place.pin}`, '--'];
  }

  /** As `release`, for who has looked into it only: others may be about to join a container. */
  async releaseEntered(): Promise<void> {
    if (this.#hasEntered) await this.release();
    this.#hasEntered = false;
  }

  /** Takes it away when no container is joined to a network in it any more. No error when it is not there. */
  async release(): Promise<void> {
    const directory = enteredDirectory();
    if (directory === undefined || !existsSync(this.#place().pin)) return;
    const place = this.#place();
    await withFileLock(place.lock, async () => {
      if ((await mountsBelow(place.pin)).length === 0 || (await this.#isInUse(place))) return;
      const slirp = await readText(place.slirp);
      if (slirp !== undefined && isProcessAlive(slirp)) process.kill(Number(slirp.split(':')[0]), 'SIGKILL');
      await this.#outbound.leave(place.pin);
      detachMount(place.pin);
      for (const path of [place.pin, place.slirp, place.socket]) await rm(path, { force: true });
    });
  }

  async #make(place: Place): Promise<void> {
    if ((await mountsBelow(place.pin)).length > 0) return;
    await writeFile(place.pin, '', { mode: 0o400 });
    await runCommand('unshare', [`--net=${place.pin}`, 'ip', 'link', 'set', 'lo', 'up']);
    const found = defaultWay();
    if ('way' in found && found.way === 'relay') await this.#outbound.join(place.pin);
    if (!('way' in found) || found.way !== 'slirp4netns') return;
    const pid = await startSlirp(findOutsideProgram('slirp4netns')!, {
      namespacePath: place.pin,
      options: slirpOptions([]),
      apiSocket: place.socket,
    });
    await writeFile(place.slirp, processIdentity(pid) ?? '', { mode: 0o600 });
  }

  /** Containers are joined by pairs. */
  async #isInUse({ pin }: Place): Promise<boolean> {
    const { stdout } = await runCommand('nsenter', [
      ...[`--net=${pin}`, '--', 'ip', '-oneline', 'link', 'show', 'type', 'veth'],
    ]);
    return stdout.trim() !== '';
  }

  #place(): Place {
    const directory = enteredDirectory();
    if (directory === undefined)
      throw new OrreryError('RootlessUnavailable', "this process is not in the user's own namespaces");
    const inside = (name: string) => join(directory, 'marker', name);
    return {
      pin: inside('host-network'),
      slirp: inside('host-network.slirp4netns'),
      socket: inside('host-network.sock'),
      lock: inside('host-network.lock'),
    };
  }
}

interface Place {
  pin: string;
  slirp: string;
  socket: string;
  lock: string;
}
