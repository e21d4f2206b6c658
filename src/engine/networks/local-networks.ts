import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { BadRequest, NotFound, namesIn, runCommand } from '../../base/index.ts';
import { readJson, replaceFile } from '../containers/records.ts';
import type { NetworkAttachment, NetworkResult, Networks } from '../engine.ts';
import { rootlessFacts } from '../rootless/facts.ts';
import { libc } from '../system/libc.ts';
import { withFileLock } from '../system/lock.ts';
import { detachMount, mountsBelow } from '../system/mounts.ts';
import { invokeCni } from './cni.ts';
import { connectInNamespace } from './connect.ts';
import { makeNetworkNamespace } from './network-namespace.ts';
import { NetworkTable } from './nft.ts';

const INTERFACE = 'eth0';
// mount(2)
const MS_BIND = 4096;

export interface LocalNetworksOptions {
  directory: string;
  instance: string;
  subnet: string;
  /** Throws EngineUnavailable when something is missing. */
  programs: () => Promise<{ cniFolder: string }>;
}

interface AttachmentRecord {
  attachment: NetworkAttachment;
  /** Inode of the namespace: after a reboot the same name is another namespace. */
  namespaceInode: number;
  result: NetworkResult;
}

/** Network namespaces pinned below the engine's folder, joined to one bridge by CNI's plugins. */
export class LocalNetworks implements Networks {
  readonly #options: LocalNetworksOptions;
  readonly #pins: string;
  readonly #records: string;
  readonly #table: NetworkTable;
  readonly bridge: string;
  #isReady = false;

  constructor(options: LocalNetworksOptions) {
    this.#options = options;
    this.#pins = join(options.directory, 'netns');
    this.#records = join(options.directory, 'attachments');
    this.bridge = `orr${options.instance}`;
    this.#table = new NetworkTable({
      instance: options.instance,
      subnet: options.subnet,
      bridge: this.bridge,
    });
  }

  async open(): Promise<void> {
    for (const folder of [this.#pins, this.#records]) await mkdir(folder, { recursive: true, mode: 0o700 });
  }

  async createNamespace(name: string, existing?: string): Promise<string> {
    await this.#options.programs();
    const path = this.#pinOf(name);
    // Namespaces of different names are made side by side.
    await withFileLock(this.#lockOf(name), async () => {
      if (await this.hasNamespace(name)) return;
      await writeFile(path, '', { mode: 0o400 });
      const setUp = ['ip', 'link', 'set', 'lo', 'up'];
      if (existing === undefined) {
        if (makeNetworkNamespace(path)) return;
        // unshare(1) pins the namespace on the file; ip runs inside it: one step makes it and sets lo up.
        await runCommand('unshare', [`--net=${path}`, ...setUp]);
        return;
      }
      libc().mount(existing, path, '', MS_BIND, '');
      await runCommand('nsenter', [`--net=${path}`, ...setUp]);
    });
    return path;
  }

  async removeNamespace(name: string): Promise<void> {
    const path = this.#pinOf(name);
    detachMount(path);
    await rm(path, { force: true });
    await rm(this.#lockOf(name), { force: true });
  }

  async listNamespaces(): Promise<string[]> {
    return (await readdir(this.#pins)).sort();
  }

  async hasNamespace(name: string): Promise<boolean> {
    return (await mountsBelow(this.#pinOf(name))).length > 0;
  }

  async attach(attachment: NetworkAttachment): Promise<NetworkResult> {
    await this.#options.programs();
    const known = await readJson<AttachmentRecord>(this.#recordOf(attachment.containerId));
    const namespaceInode = await this.#inodeOf(attachment.namespace);
    if (known !== undefined && isSame(known, { attachment, namespaceInode })) return known.result;
    await this.#prepare();
    // Half of an ADD that was cut off (an address, a link) goes first.
    if (known !== undefined) await this.detach(attachment);
    await this.#write({ attachment, namespaceInode, result: { addresses: [] } });
    try {
      return await this.#add(attachment, namespaceInode);
    } catch (error) {
      await this.detach(attachment);
      throw error;
    }
  }

  async #add(attachment: NetworkAttachment, namespaceInode: number): Promise<NetworkResult> {
    const answer = await this.#invoke('ADD', attachment);
    const addresses = (answer?.ips ?? []).map((ip) => ip.address.split('/')[0]!);
    const gateway = answer?.ips?.[0]?.gateway;
    const result = {
      addresses: addresses.sort((a, b) => Number(a.includes(':')) - Number(b.includes(':'))),
      ...(gateway !== undefined && { gateway }),
    };
    await this.#write({ attachment, namespaceInode, result });
    // Host ports answer on 127.0.0.1 too; the table's guard keeps containers from the host's loopback.
    if ((attachment.portMappings ?? []).length > 0)
      await writeFile(`/proc/sys/net/ipv4/conf/${this.bridge}/route_localnet`, '1');
    await this.#table.addPorts(result.addresses[0]!, attachment.portMappings ?? []);
    return result;
  }

  async #inodeOf(namespace: string): Promise<number> {
    try {
      return (await stat(this.#pinOf(namespace))).ino;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new NotFound(`no such network namespace: ${namespace}`, { cause: error });
    }
  }

  /** Not fsynced: a power failure takes away what it is about. */
  async #write(record: AttachmentRecord): Promise<void> {
    await replaceFile(this.#recordOf(record.attachment.containerId), JSON.stringify(record));
  }

  async detach(attachment: NetworkAttachment): Promise<void> {
    const path = this.#recordOf(attachment.containerId);
    const record = await readJson<AttachmentRecord>(path);
    const known = record?.attachment ?? attachment;
    const address = record?.result.addresses[0];
    if (address !== undefined && (known.portMappings ?? []).length > 0)
      await this.#table.removePorts(address);
    await this.#release(known);
    await rm(path, { force: true });
  }

  async #release(attachment: NetworkAttachment): Promise<void> {
    const isPinned = await this.hasNamespace(attachment.namespace);
    try {
      await this.#invoke('DEL', attachment);
    } catch (error) {
      // Another process, one that is just ending, may have taken the namespace away since we looked.
      if (!isPinned || (await this.hasNamespace(attachment.namespace))) throw error;
      await this.#invoke('DEL', attachment);
    }
  }

  async #invoke(command: 'ADD' | 'DEL', attachment: NetworkAttachment) {
    const path = this.#pinOf(attachment.namespace);
    const isPinned = command === 'ADD' || (await this.hasNamespace(attachment.namespace));
    return await invokeCni({
      plugin: 'bridge',
      pluginFolder: (await this.#options.programs()).cniFolder,
      command,
      containerId: attachment.containerId,
      ...(isPinned && { namespacePath: path }),
      interfaceName: INTERFACE,
      config: this.#config(),
    });
  }

  /** Masquerading and host ports are our own table's, which is quicker and leaves nothing behind. */
  #config(): object {
    return {
      cniVersion: '1.0.0',
      name: this.bridge,
      type: 'bridge',
      bridge: this.bridge,
      isGateway: true,
      ipMasq: false,
      hairpinMode: true,
      promiscMode: false,
      ipam: {
        type: 'host-local',
        dataDir: join(this.#options.directory, 'ipam'),
        ranges: [[{ subnet: this.#options.subnet }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    };
  }

  /** Once a process: forwarding and the table. */
  async #prepare(): Promise<void> {
    if (this.#isReady) return;
    const forwarding = '/proc/sys/net/ipv4/ip_forward';
    if ((await readFile(forwarding, 'utf8')).trim() !== '1') await writeFile(forwarding, '1');
    await this.#table.make();
    this.#isReady = true;
  }

  async connect(namespacePath: string, port: number): Promise<Duplex> {
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new BadRequest(`${port} is not a port`);
    return await connectInNamespace(namespacePath, port);
  }

  /** Addresses given out, by IPAM's own files. */
  async addresses(): Promise<string[]> {
    return (await namesIn(join(this.#options.directory, 'ipam', this.bridge))).filter((name) =>
      /^[0-9.]+$/.test(name),
    );
  }

  async links(): Promise<string[]> {
    const links: string[] = [];
    for (const name of await namesIn('/sys/class/net'))
      if (name === this.bridge || (await isPortOf(name, this.bridge))) links.push(name);
    return links;
  }

  async pins(): Promise<string[]> {
    return await mountsBelow(this.#pins);
  }

  /** Takes away every attachment, pin, address, the bridge and the table. */
  async reset(): Promise<void> {
    for (const name of await namesIn(this.#records)) {
      const record = await readJson<AttachmentRecord>(join(this.#records, name));
      if (record !== undefined) await this.detach(record.attachment);
    }
    for (const name of await this.listNamespaces()) await this.removeNamespace(name);
    for (const link of await this.links()) if (link !== this.bridge) await this.#deleteLink(link);
    if ((await this.links()).includes(this.bridge)) await this.#deleteLink(this.bridge);
    await rm(join(this.#options.directory, 'ipam'), { recursive: true, force: true });
    // An ordinary user has no rules on the host.
    if (!rootlessFacts().isRootless) await this.#table.remove();
    this.#isReady = false;
  }

  /** A container's end of a pair goes by itself a moment after its namespace, and takes ours with it. */
  async #deleteLink(link: string): Promise<void> {
    try {
      await runCommand('ip', ['link', 'delete', link]);
    } catch (error) {
      if ((await this.links()).includes(link)) throw error;
    }
  }

  #pinOf(name: string): string {
    return join(this.#pins, checkedFileName(name));
  }

  #lockOf(name: string): string {
    return join(this.#options.directory, 'locks', `netns-${checkedFileName(name)}`);
  }

  #recordOf(containerId: string): string {
    return join(this.#records, `${checkedFileName(containerId)}.json`);
  }
}

function isSame(known: AttachmentRecord, asked: Omit<AttachmentRecord, 'result'>): boolean {
  return (
    known.result.addresses.length > 0 &&
    known.namespaceInode === asked.namespaceInode &&
    JSON.stringify(known.attachment) === JSON.stringify(asked.attachment)
  );
}

function checkedFileName(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,200}$/.test(name))
    throw new BadRequest(`${JSON.stringify(name)} is not a name for a network namespace`);
  return name;
}

async function isPortOf(link: string, bridge: string): Promise<boolean> {
  return (await namesIn(`/sys/class/net/${bridge}/brif`)).includes(link);
}
