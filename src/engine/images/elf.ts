import { type FileHandle, open } from 'node:fs/promises';

/** What the dynamic loader reads of an ELF file (System V ABI, chapters 4 and 5). */
export interface ElfFile {
  /** e_ident[EI_CLASS]: 32 or 64. */
  bits: 32 | 64;
  /** e_machine: 62 is x86-64, 183 is AArch64. */
  machine: number;
  /** PT_INTERP: the dynamic loader; absent in libraries and static programs. */
  interpreter: string | undefined;
  /** DT_NEEDED. */
  needed: string[];
  /** DT_RUNPATH, or DT_RPATH without one, split at colons, `$ORIGIN` not yet replaced. */
  runPaths: string[];
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_RPATH = 15;
const DT_RUNPATH = 29;

interface Segment {
  type: number;
  offset: number;
  address: number;
  size: number;
}

/** undefined when the file is not ELF at all; throws RangeError when it is cut off. Little-endian only. */
export async function readElf(path: string): Promise<ElfFile | undefined> {
  const file = await open(path);
  try {
    return await readOpenElf(file);
  } finally {
    await file.close();
  }
}

async function readOpenElf(file: FileHandle): Promise<ElfFile | undefined> {
  const head = await readAt(file, 0, 64);
  if (head.length < 52 || head.readUInt32BE(0) !== 0x7f454c46 || head[5] !== 1) return undefined;
  const bits = head[4] === 2 ? 64 : 32;
  const segments = await readSegments(file, head, bits);
  const interpreterAt = segments.find((one) => one.type === PT_INTERP);
  const dynamicAt = segments.find((one) => one.type === PT_DYNAMIC);
  const dynamic = dynamicAt === undefined ? [] : await readDynamic(file, dynamicAt, bits);
  const table = dynamic.find((one) => one.tag === DT_STRTAB)?.value;
  const strings = async (tag: number) => {
    const found: string[] = [];
    for (const one of dynamic)
      if (one.tag === tag && table !== undefined)
        found.push(await stringAt(file, fileOffset(segments, table) + one.value));
    return found;
  };
  const runPath = await strings(DT_RUNPATH);
  return {
    bits,
    machine: head.readUInt16LE(18),
    interpreter: interpreterAt === undefined ? undefined : await stringAt(file, interpreterAt.offset),
    needed: await strings(DT_NEEDED),
    runPaths: (runPath.length > 0 ? runPath : await strings(DT_RPATH)).flatMap((text) => text.split(':')),
  };
}

async function readSegments(file: FileHandle, head: Buffer, bits: 32 | 64): Promise<Segment[]> {
  const wide = bits === 64;
  const start = wide ? Number(head.readBigUInt64LE(32)) : head.readUInt32LE(28);
  const entrySize = head.readUInt16LE(wide ? 54 : 42);
  const count = head.readUInt16LE(wide ? 56 : 44);
  const table = await readAt(file, start, entrySize * count);
  return Array.from({ length: count }, (_, i) => {
    const at = i * entrySize;
    const word = (wideAt: number, narrowAt: number) =>
      wide ? Number(table.readBigUInt64LE(at + wideAt)) : table.readUInt32LE(at + narrowAt);
    return { type: table.readUInt32LE(at), offset: word(8, 4), address: word(16, 8), size: word(32, 16) };
  });
}

async function readDynamic(
  file: FileHandle,
  segment: Segment,
  bits: 32 | 64,
): Promise<{ tag: number; value: number }[]> {
  const bytes = await readAt(file, segment.offset, segment.size);
  const width = bits / 8;
  const word = (at: number) => (bits === 64 ? Number(bytes.readBigUInt64LE(at)) : bytes.readUInt32LE(at));
  const entries: { tag: number; value: number }[] = [];
  for (let at = 0; at + 2 * width <= bytes.length; at += 2 * width) {
    const tag = word(at);
    if (tag === 0) break;
    entries.push({ tag, value: word(at + width) });
  }
  return entries;
}

/** DT_STRTAB holds an address; the segment that maps it tells where in the file that is. */
function fileOffset(segments: readonly Segment[], address: number): number {
  const segment = segments.find(
    (one) => one.type === PT_LOAD && address >= one.address && address < one.address + one.size,
  );
  if (segment === undefined) throw new RangeError(`no segment maps the address 0x${address.toString(16)}`);
  return segment.offset + address - segment.address;
}

async function stringAt(file: FileHandle, offset: number): Promise<string> {
  const bytes = await readAt(file, offset, 4096);
  const end = bytes.indexOf(0);
  if (end < 0) throw new RangeError('a string of the ELF file does not end');
  return bytes.toString('utf8', 0, end);
}

async function readAt(file: FileHandle, offset: number, size: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, offset);
  return buffer.subarray(0, bytesRead);
}
