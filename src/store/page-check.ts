import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { messageOf } from '../base/index.ts';
import { storeCorrupt, storeForeign, storeUnavailable } from './store-errors.ts';

/**
 * Walks the pages of an LMDB file before LMDB sees them, because LMDB trusts what it maps: garbage there
 * ends the process. Reads only; nothing else may write meanwhile.
 *
 * The layout is that of the LMDB in lmdb 3 (`MDB_page_header`, `MDB_meta`, `MDB_db`, `MDB_node`,
 * `MDB_ovpage` in its mdb.c, format version 2), little-endian, 64 bits.
 */
export interface PageCheckResult {
  bytes: number;
  /** Pages that were read and found sound. */
  pages: number;
}

const PAGE_BYTES = 8192;
const HEADER_BYTES = 24;
const MAGIC = 0xbeefc0de;
const FORMAT_VERSION = 2;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
const META = 0x08;
const BIG_DATA = 0x01;
const SUB_DATA = 0x02;
const NODE_HEADER_BYTES = 8;
const TREE_BYTES = 48;
const DEPTH_LIMIT = 32;
const FREE_PAGES = 'free pages';
/** Far above any file; so far only what cannot be true is refused. */
const MAP_LIMIT_BYTES = 2 ** 42;

/** `MDB_db`: one tree. */
interface Tree {
  name: string;
  depth: number;
  entries: number;
  root: number | undefined;
  /** Keys in the order of their bytes; the list of free pages has numbers as keys. */
  byteOrder: boolean;
}

interface Meta {
  trees: [free: Tree, main: Tree];
  txnId: bigint;
  lastPage: number;
}

export interface PageCheckOptions {
  /**
   * Above this many pages the leaves are taken on trust, which leaves the branches: a hundredth of the
   * file. Default no limit.
   */
  limitPages?: number;
  /** Also looks whether a page in use is in the list of free ones. */
  freePages?: boolean;
}

/**
 * Checks the file at `path`; undefined when there is none.
 *
 * @throws StoreCorrupt, StoreForeign, StoreUnavailable
 */
export function checkPages(path: string, options: PageCheckOptions): PageCheckResult | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw storeUnavailable(path, messageOf(cause), cause);
  }
  try {
    return new PageCheck(path, file, options).run();
  } finally {
    closeSync(file);
  }
}

class PageCheck {
  readonly #path: string;
  readonly #file: number;
  readonly #bytes: number;
  readonly #skipLeaves: boolean;
  readonly #checkFreePages: boolean;
  readonly #meta: Meta;
  /** One bit a page. */
  readonly #seen: Uint8Array;
  /** The lists of free pages, as LMDB keeps them. */
  readonly #freeLists: Buffer[] = [];
  /** One buffer for each level of a walk, so that reading a child leaves its parent in place. */
  readonly #buffers: Buffer[] = [];
  #pages = 0;

  constructor(path: string, file: number, options: PageCheckOptions) {
    this.#path = path;
    this.#file = file;
    const stats = fstatSync(file);
    if (!stats.isFile()) throw storeForeign(path, 'it is not a file');
    this.#bytes = stats.size;
    const { limitPages = Number.POSITIVE_INFINITY, freePages = false } = options;
    this.#skipLeaves = this.#bytes / PAGE_BYTES > limitPages;
    this.#checkFreePages = freePages;
    this.#meta = this.#readMeta();
    if (!(this.#meta.lastPage * PAGE_BYTES < MAP_LIMIT_BYTES)) throw this.#corrupt('it claims to be endless');
    this.#seen = new Uint8Array((this.#meta.lastPage >> 3) + 1);
  }

  run(): PageCheckResult {
    this.#mark(0, 1);
    this.#mark(1, 1);
    for (const tree of this.#meta.trees) this.#walkTree(tree);
    for (const list of this.#freeLists) this.#markFree(list);
    return { bytes: this.#bytes, pages: this.#pages };
  }

  /** The newer of the two meta pages. */
  #readMeta(): Meta {
    const pages = [0, 1].map((number) => {
      const page = Buffer.alloc(PAGE_BYTES);
      const length = readSync(this.#file, page, 0, PAGE_BYTES, number * PAGE_BYTES);
      return { page, length, known: page.readUInt32LE(HEADER_BYTES) === MAGIC };
    });
    if (pages.every(({ known }) => !known)) throw storeForeign(this.#path, 'it is no LMDB file');
    const metas = pages.map(({ page, length, known }, number) => {
      if (length < PAGE_BYTES) throw this.#corrupt('it is cut short');
      if (!known || !(page.readUInt16LE(18) & META)) throw this.#corrupt(`page ${number} is not a meta page`);
      const version = page.readUInt32LE(HEADER_BYTES + 4) & 0xffff;
      if (version !== FORMAT_VERSION) throw storeForeign(this.#path, `it has LMDB's format ${version}`);
      const pageBytes = page.readUInt32LE(HEADER_BYTES + 24);
      if (pageBytes !== PAGE_BYTES) throw storeForeign(this.#path, `its pages have ${pageBytes} bytes`);
      return page;
    });
    const [first, second] = metas as [Buffer, Buffer];
    const page = first.readBigUInt64LE(TXN_ID_AT) >= second.readBigUInt64LE(TXN_ID_AT) ? first : second;
    const free = this.#readTree(page, HEADER_BYTES + 24, FREE_PAGES, false);
    const main = this.#readTree(page, HEADER_BYTES + 24 + TREE_BYTES, 'main', true);
    return {
      trees: [free, main],
      txnId: page.readBigUInt64LE(TXN_ID_AT),
      lastPage: Number(page.readBigUInt64LE(TXN_ID_AT - 8)),
    };
  }

  #readTree(page: Buffer, at: number, name: string, byteOrder: boolean): Tree {
    const root = page.readBigUInt64LE(at + 40);
    const depth = page.readUInt16LE(at + 6);
    if (depth > DEPTH_LIMIT) throw this.#corrupt(`tree "${name}" claims a depth of ${depth}`);
    return {
      name,
      depth,
      entries: Number(page.readBigUInt64LE(at + 32)),
      root: root === NO_PAGE ? undefined : Number(root),
      byteOrder,
    };
  }

  #walkTree(tree: Tree): void {
    if (tree.root === undefined) {
      if (tree.entries !== 0) throw this.#corrupt(`tree "${tree.name}" has entries but no pages`);
      return;
    }
    const entries = this.#walkPage(tree, tree.root, 1, undefined);
    if (entries !== undefined && entries !== tree.entries)
      throw this.#corrupt(`tree "${tree.name}" has ${entries} entries and claims ${tree.entries}`);
  }

  /** Returns the entries below the page; undefined where leaves are skipped. `low`: no key may be smaller. */
  #walkPage(tree: Tree, number: number, depth: number, low: Buffer | undefined): number | undefined {
    const leaf = depth === tree.depth;
    this.#mark(number, 1);
    this.#assertInFile(number);
    if (leaf && depth > 1 && this.#skipLeaves) return undefined;
    const page = this.#readPage(number, leaf ? LEAF : BRANCH, level(tree, depth));
    const count = page.readUInt16LE(20) >> 1;
    let previous = low;
    let entries: number | undefined = leaf ? count : 0;
    for (let i = 0; i < count; i++) {
      const node = this.#readNode(page, number, i);
      // The first key of a branch stands for "anything smaller" and is empty.
      if (i > 0 || leaf) this.#checkOrder(tree, number, previous, node.key);
      if (i > 0 || leaf) previous = node.key;
      if (leaf) this.#checkLeafNode(tree, page, number, node);
      else {
        const below = this.#walkPage(tree, node.childPage, depth + 1, previous && Buffer.from(previous));
        entries = below === undefined || entries === undefined ? undefined : entries + below;
      }
    }
    return entries;
  }

  #checkOrder(tree: Tree, number: number, previous: Buffer | undefined, key: Buffer): void {
    if (!tree.byteOrder || previous === undefined || previous.compare(key) <= 0) return;
    throw this.#corrupt(`keys of page ${number} are out of order`);
  }

  #readNode(page: Buffer, number: number, index: number) {
    const at = HEADER_BYTES + page.readUInt16LE(HEADER_BYTES + 2 * index);
    if (at + NODE_HEADER_BYTES > PAGE_BYTES)
      throw this.#corrupt(`an entry of page ${number} lies outside of it`);
    const low = page.readUInt16LE(at);
    const high = page.readUInt16LE(at + 2);
    const flags = page.readUInt16LE(at + 4);
    const keyEnd = at + NODE_HEADER_BYTES + page.readUInt16LE(at + 6);
    if (keyEnd > PAGE_BYTES) throw this.#corrupt(`a key of page ${number} reaches outside of it`);
    return {
      key: page.subarray(at + NODE_HEADER_BYTES, keyEnd),
      flags,
      dataAt: keyEnd,
      dataBytes: low + high * 2 ** 16,
      childPage: low + high * 2 ** 16 + flags * 2 ** 32,
    };
  }

  #checkLeafNode(
    tree: Tree,
    page: Buffer,
    number: number,
    node: { key: Buffer; flags: number; dataAt: number; dataBytes: number },
  ): void {
    const here = node.flags & BIG_DATA ? 24 : node.dataBytes;
    if (node.dataAt + here > PAGE_BYTES)
      throw this.#corrupt(`a value of page ${number} reaches outside of it`);
    if (node.flags & BIG_DATA) this.#checkOverflow(page, node.dataAt, node.dataBytes);
    if (tree.name === FREE_PAGES && this.#checkFreePages) this.#freeLists.push(this.#readValue(page, node));
    if (!(node.flags & SUB_DATA)) return;
    if (tree.name !== 'main' || node.dataBytes !== TREE_BYTES)
      throw this.#corrupt(`page ${number} holds a tree where none belongs`);
    this.#walkTree(this.#readTree(page, node.dataAt, node.key.toString().replace('\0', ''), true));
  }

  /** A value too long for a leaf has pages of its own, the first with a header. */
  #checkOverflow(page: Buffer, at: number, dataBytes: number): void {
    const first = Number(page.readBigUInt64LE(at));
    const pages = Number(page.readBigUInt64LE(at + 16));
    if (HEADER_BYTES + dataBytes > pages * PAGE_BYTES)
      throw this.#corrupt(`page ${first} is too short for its value`);
    this.#mark(first, pages);
    this.#assertInFile(first + pages - 1);
    const header = this.#readPage(first, OVERFLOW, 0);
    if (header.readUInt32LE(20) !== pages) throw this.#corrupt(`page ${first} claims a different length`);
  }

  #readPage(number: number, type: number, level: number): Buffer {
    this.#buffers[level] ??= Buffer.allocUnsafe(PAGE_BYTES);
    const page = this.#buffers[level];
    readSync(this.#file, page, 0, PAGE_BYTES, number * PAGE_BYTES);
    this.#pages++;
    if (page.readBigUInt64LE(0) !== BigInt(number) || (page.readUInt16LE(18) & 0xff) !== type)
      throw this.#corrupt(`page ${number} is not what its place in the tree asks for`);
    if (page.readBigUInt64LE(8) > this.#meta.txnId)
      throw this.#corrupt(`page ${number} is newer than the file`);
    if (type === OVERFLOW) return page;
    const lower = page.readUInt16LE(20);
    const upper = page.readUInt16LE(22);
    if (lower === 0 || lower % 2 !== 0 || lower > upper || upper > PAGE_BYTES - HEADER_BYTES)
      throw this.#corrupt(`page ${number} has impossible bounds`);
    return page;
  }

  #readValue(page: Buffer, node: { flags: number; dataAt: number; dataBytes: number }): Buffer {
    const value = Buffer.alloc(node.dataBytes);
    if (node.flags & BIG_DATA) {
      const first = Number(page.readBigUInt64LE(node.dataAt));
      readSync(this.#file, value, 0, value.length, first * PAGE_BYTES + HEADER_BYTES);
    } else page.copy(value, 0, node.dataAt);
    return value;
  }

  /** `[count, …]`, where n is page n, 0 nothing, and -n, p the n pages from p on. */
  #markFree(list: Buffer): void {
    const count = list.length < 8 ? -1 : Number(list.readBigInt64LE(0));
    if (count < 0 || 8 * (count + 1) > list.length) throw this.#corrupt('a list of free pages is cut short');
    for (let i = 1; i <= count; i++) {
      const entry = Number(list.readBigInt64LE(8 * i));
      if (entry === 0) continue;
      if (entry > 0) this.#mark(entry, 1);
      else if (++i <= count) this.#mark(Number(list.readBigInt64LE(8 * i)), -entry);
    }
  }

  /** Every page has one place only. */
  #mark(first: number, pages: number): void {
    if (first < 0 || pages < 1 || !(first + pages - 1 <= this.#meta.lastPage))
      throw this.#corrupt(`page ${first} is none`);
    for (let number = first; number < first + pages; number++) {
      const bit = 1 << (number & 7);
      if (this.#seen[number >> 3]! & bit) throw this.#corrupt(`page ${number} is used twice`);
      this.#seen[number >> 3]! |= bit;
    }
  }

  #assertInFile(number: number): void {
    if ((number + 1) * PAGE_BYTES > this.#bytes)
      throw this.#corrupt(`it is cut short: page ${number} is missing`);
  }

  #corrupt(what: string) {
    return storeCorrupt(this.#path, what);
  }
}

/** `mm_txnid`. */
const TXN_ID_AT = HEADER_BYTES + 128;

/** Trees hang below the leaves of the main one, so that one has buffers of its own. */
function level(tree: Tree, depth: number): number {
  return tree.name === 'main' ? DEPTH_LIMIT + 1 + depth : depth;
}
