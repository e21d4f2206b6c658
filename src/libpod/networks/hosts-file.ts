import { open } from 'node:fs/promises';
import { BadRequest } from '../../base/index.ts';

export interface HostEntry {
  address: string;
  names: string[];
}

export interface HostsContent {
  /** `--add-host`: `name:address`. */
  extraHosts: readonly string[];
  /** hosts(5), whose entries come before ours; '' for none. */
  baseText: string;
  hostContainersInternal?: string;
  own: readonly HostEntry[];
}

/**
 * hosts(5) of a new container, in Podman's order: what the user says, what the base file says, and then what is
 * not said by these. @throws BadRequest
 */
export function hostsFile(content: HostsContent): string {
  const said = [
    ...content.extraHosts.map((text) => extraHost(text, content.hostContainersInternal)),
    ...parseHosts(content.baseText),
  ];
  const known = new Set(said.flatMap((entry) => entry.names));
  const further: HostEntry[] = [
    { address: '127.0.0.1', names: ['localhost'] },
    { address: '::1', names: ['localhost'] },
    ...(content.hostContainersInternal
      ? [{ address: content.hostContainersInternal, names: ['host.containers.internal'] }]
      : []),
    ...content.own,
  ];
  const unsaid = further
    .map((entry) => ({ ...entry, names: entry.names.filter((name) => !known.has(name)) }))
    .filter((entry) => entry.names.length > 0);
  return [...said, ...unsaid].map(formatEntry).join('');
}

/** Changes the entries that are ours, and leaves every other line as it is. */
export function changedHosts(
  text: string,
  change: { without: readonly HostEntry[]; with: readonly HostEntry[] },
): string {
  const gone = new Set(change.without.map(formatEntry));
  const kept = text.split(/(?<=\n)/).filter((line) => !gone.has(line.endsWith('\n') ? line : `${line}\n`));
  const before = kept.join('');
  const there = new Set(kept);
  const added = change.with.map(formatEntry).filter((line) => !there.has(line));
  return `${before}${before === '' || before.endsWith('\n') ? '' : '\n'}${added.join('')}`;
}

/** Into the same inode: the file is bind-mounted. A reader may see a mixture for an instant, never nothing. */
export async function writeInPlace(path: string, content: string): Promise<void> {
  const file = await open(path, 'a+', 0o644);
  await file.close();
  const same = await open(path, 'r+');
  try {
    const bytes = Buffer.from(content);
    await same.write(bytes, 0, bytes.byteLength, 0);
    await same.truncate(bytes.byteLength);
  } finally {
    await same.close();
  }
}

export function parseHosts(text: string): HostEntry[] {
  return text.split('\n').flatMap((line) => {
    const [address, ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    return address !== undefined && names.length > 0 ? [{ address, names }] : [];
  });
}

function extraHost(text: string, hostGateway: string | undefined): HostEntry {
  const at = text.indexOf(':');
  if (at < 0) throw new BadRequest(`unable to parse host entry ${JSON.stringify(text)}: incorrect format`);
  const name = text.slice(0, at);
  // Several names for one address: `a;b:10.0.0.1`.
  const names = name.split(';').filter((one) => one !== '');
  const address = text.slice(at + 1).replace(/^\[(.*)\]$/, '$1');
  if (name === '') throw new BadRequest(`hostname in host entry ${JSON.stringify(text)} is empty`);
  if (address === '') throw new BadRequest(`IP address in host entry ${JSON.stringify(text)} is empty`);
  if (address !== 'host-gateway') return { address, names };
  if (!hostGateway)
    throw new BadRequest(
      'unable to replace "host-gateway" of host entry: host containers internal IP address is empty',
    );
  return { address: hostGateway, names };
}

function formatEntry(entry: HostEntry): string {
  return `${entry.address}\t${entry.names.join(' ')}\n`;
}
