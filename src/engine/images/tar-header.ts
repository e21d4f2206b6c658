/** One entry of a tar archive, without its content. */
export interface TarEntryHeader {
  /** Relative, without a leading `./`; a folder's slash at the end is added here. */
  name: string;
  type: 'file' | 'link' | 'symlink' | 'character-device' | 'block-device' | 'directory' | 'fifo';
  /** The lower twelve bits. */
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** Whole seconds since 1970; may be negative. */
  mtimeSeconds: number;
  linkname?: string;
  major?: number;
  minor?: number;
  xattrs?: ReadonlyMap<string, Uint8Array>;
}

const TYPE_FLAGS: Record<TarEntryHeader['type'], string> = {
  file: '0',
  link: '1',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
};

const MAX_OCTAL_12 = 0o77777777777;
const MAX_OCTAL_8 = 0o7777777;

/**
 * The bytes before an entry's content (POSIX.1-2001 pax interchange format): one ustar block, before it an
 * extended header for what the block cannot hold. tar-stream encodes extended attributes as text only, which
 * destroys file capabilities; hence our own. The same input gives the same bytes.
 */
export function encodeTarHeader(entry: TarEntryHeader): Buffer {
  const name = entry.type === 'directory' ? `${entry.name}/` : entry.name;
  const records: Buffer[] = [];
  const place = splitName(name);
  if (place === undefined) records.push(paxRecord('path', name));
  if (entry.linkname !== undefined && !fits(entry.linkname, 100))
    records.push(paxRecord('linkpath', entry.linkname));
  for (const key of ['uid', 'gid'] as const)
    if (entry[key] > MAX_OCTAL_8) records.push(paxRecord(key, String(entry[key])));
  if (entry.size > MAX_OCTAL_12) records.push(paxRecord('size', String(entry.size)));
  if (entry.mtimeSeconds < 0 || entry.mtimeSeconds > MAX_OCTAL_12)
    records.push(paxRecord('mtime', String(entry.mtimeSeconds)));
  for (const key of [...(entry.xattrs?.keys() ?? [])].sort())
    records.push(paxRecord(`SCHILY.xattr.${key}`, entry.xattrs!.get(key)!));
  const block = ustarBlock(entry, place ?? { name: shortened(name), prefix: '' }, TYPE_FLAGS[entry.type]);
  if (records.length === 0) return block;
  const body = Buffer.concat(records);
  const head = ustarBlock(
    { ...entry, mode: 0o644, uid: 0, gid: 0, size: body.byteLength, mtimeSeconds: 0, linkname: '' },
    { name: 'PaxHeaders.0/entry', prefix: '' },
    'x',
  );
  return Buffer.concat([head, body, padding(body.byteLength), block]);
}

/** What fills an entry's content up to a whole block. */
export function padding(size: number): Buffer {
  return Buffer.alloc((512 - (size % 512)) % 512);
}

/** The two empty blocks at the end. */
export const END_OF_TAR = Buffer.alloc(1024);

function fits(text: string, limit: number): boolean {
  return isAscii(text) && text.length <= limit;
}

function isAscii(text: string): boolean {
  return !/[^ -~]/.test(text);
}

/** ustar's name and prefix; undefined when neither split fits or a character is not portable. */
function splitName(name: string): { name: string; prefix: string } | undefined {
  if (!isAscii(name)) return undefined;
  if (name.length <= 100) return { name, prefix: '' };
  for (let at = name.lastIndexOf('/', name.length - 2); at > 0; at = name.lastIndexOf('/', at - 1))
    if (at <= 155) {
      const rest = name.slice(at + 1);
      return rest.length <= 100 ? { name: rest, prefix: name.slice(0, at) } : undefined;
    }
  return undefined;
}

function shortened(name: string): string {
  return name.replace(/[^ -~]/g, '_').slice(0, 100);
}

function ustarBlock(
  entry: TarEntryHeader,
  place: { name: string; prefix: string },
  typeFlag: string,
): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, length: number) => {
    const limit = 8 ** (length - 1) - 1;
    // What does not fit is in the extended header, which wins.
    const text = (value < 0 || value > limit ? 0 : value).toString(8).padStart(length - 1, '0');
    block.write(text, at, 'latin1');
  };
  block.write(place.name, 0, 'latin1');
  octal(entry.mode & 0o7777, 100, 8);
  octal(entry.uid, 108, 8);
  octal(entry.gid, 116, 8);
  octal(entry.size, 124, 12);
  octal(entry.mtimeSeconds, 136, 12);
  block.write(typeFlag, 156, 'latin1');
  if (entry.linkname !== undefined) block.write(shortened(entry.linkname), 157, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  octal(entry.major ?? 0, 329, 8);
  octal(entry.minor ?? 0, 337, 8);
  block.write(place.prefix, 345, 'latin1');
  block.fill(' ', 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** `<length> <key>=<value>\n`, the length counting itself. */
function paxRecord(key: string, value: string | Uint8Array): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value as string), Buffer.from('\n')]);
  let length = rest.byteLength;
  while (String(length).length + rest.byteLength !== length) length = String(length).length + rest.byteLength;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}
