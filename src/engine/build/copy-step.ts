import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { BadRequest, messageOf } from '../../base/index.ts';
import { lookUpUser } from '../containers/users.ts';
import { fetchAdded, isGit, isUrl, unpackAdded } from './added-files.ts';
import { copyIntoRoot } from './copy-tree.ts';
import { IgnoreRules } from './ignore.ts';
import { asExecForm, heredocMarkers, type Instruction } from './parse.ts';
import type { BuildSession, BuiltImage } from './session.ts';
import { unknownFlag } from './stages.ts';
import { type CopySource, findSources, hashSource, type SourceRoot, statOrNothing } from './tree-walk.ts';
import { expandText, expandWord, splitWords, type Variables } from './words.ts';

export interface CopyStepInput {
  session: BuildSession;
  instruction: Instruction;
  variables: Variables;
  escapeChar: string;
  workingDir: string;
  /** What `--from` names. */
  from: { image: BuiltImage } | { root: SourceRoot } | undefined;
}

/** A COPY or ADD that knows what it will copy. */
export interface PreparedCopy {
  /** `file:<digest>`, of all that goes in: for the cache and for the history. */
  content: string;
  destination: string;
  execute(root: string): Promise<void>;
}

interface CopyFlags {
  chown?: string;
  mode?: number;
  excluded?: IgnoreRules;
  checksum?: string;
}

/** Finds and hashes the sources of a COPY or ADD. @throws BadRequest */
export async function prepareCopy(input: CopyStepInput): Promise<PreparedCopy> {
  const { instruction, workingDir } = input;
  const flags = readFlags(input);
  const words = wordsOf(input);
  const last = words.pop();
  if (last === undefined || words.length + instruction.heredocs.length === 0)
    throw new BadRequest(`${instruction.keyword} requires at least one argument`);
  const destination = destinationOf(last, workingDir);
  const sources: FoundSources[] = [];
  for (const word of words) sources.push(await findWord(input, word, flags));
  if (instruction.heredocs.length > 0) sources.push(await heredocFiles(input));
  const hash = createHash('sha256').update(JSON.stringify([flags.chown ?? '', flags.mode ?? '']));
  for (const one of sources) for (const part of one.digests) hash.update(part);
  const isFolder = sources.length === 1 && sources[0]!.sources[0]?.info.isDirectory() === true;
  const count = sources.reduce((sum, one) => sum + one.sources.length, 0);
  return {
    content: `${count > 1 ? 'multi' : isFolder ? 'dir' : 'file'}:${hash.digest('hex')}`,
    destination,
    execute: async (root) => {
      const owner = await ownerOf(flags.chown, root);
      for (const one of sources)
        await copyIntoRoot({
          root,
          destination,
          sources: await one.open(),
          ignore: one.root.ignore,
          excluded: flags.excluded,
          owner: one.keepsOwners && flags.chown === undefined ? undefined : owner,
          mode: flags.mode,
          several: count > 1,
        });
    },
  };
}

interface FoundSources {
  root: SourceRoot;
  sources: CopySource[];
  digests: string[];
  keepsOwners: boolean;
  /** Late: an archive is unpacked, an image mounted, only when it is copied. */
  open(): Promise<CopySource[]>;
}

function readFlags({ instruction, variables, escapeChar }: CopyStepInput): CopyFlags {
  const flags: CopyFlags = {};
  const excluded: string[] = [];
  const isAdd = instruction.keyword === 'ADD';
  for (const { name, value } of instruction.flags) {
    const text = value === undefined ? undefined : expandWord(value, variables, escapeChar);
    if (name === 'link' || (name === 'from' && !isAdd)) continue;
    if (text === undefined) throw unknownFlag(instruction, name);
    if (name === 'chown') flags.chown = text;
    else if (name === 'chmod') flags.mode = modeOf(text);
    else if (name === 'exclude') excluded.push(text);
    else if (name === 'checksum' && isAdd) flags.checksum = text;
    else throw unknownFlag(instruction, name);
  }
  if (excluded.length > 0) flags.excluded = IgnoreRules.parse(excluded.join('\n'));
  return flags;
}

function modeOf(text: string): number {
  if (!/^0?[0-7]{1,4}$/.test(text))
    throw new BadRequest(
      `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`,
    );
  return Number.parseInt(text, 8);
}

function wordsOf({ instruction, variables, escapeChar }: CopyStepInput): string[] {
  const markers = new Set(heredocMarkers(instruction.text).map((one) => one.name));
  const words = asExecForm(instruction.text) ?? splitWords(instruction.text, escapeChar);
  return words
    .filter((word) => !(word.startsWith('<<') && markers.has(word.replace(/^<<-?/, '').replace(/["']/g, ''))))
    .map((word) => expandWord(word, variables, escapeChar));
}

function destinationOf(text: string, workingDir: string): string {
  const whole = posix.resolve('/', workingDir || '/', text);
  return /(?:^|\/)\.{0,2}$/.test(text) && whole !== '/' ? `${whole}/` : whole;
}

async function findWord(input: CopyStepInput, word: string, flags: CopyFlags): Promise<FoundSources> {
  const { session, instruction, from } = input;
  const isAdd = instruction.keyword === 'ADD';
  if (isGit(word))
    throw new BadRequest(`${instruction.keyword} of a git repository is not supported: ${word}`);
  if (isUrl(word)) {
    if (!isAdd) throw new BadRequest("source can't be a URL for COPY");
    const { checksum } = flags;
    const folder = session.newPath('added');
    const source = await fetchAdded(word, folder, { checksum, signal: session.signal });
    return await found({ folder, ignore: IgnoreRules.none }, [source], { keepsOwners: false });
  }
  if (flags.checksum !== undefined)
    throw new BadRequest("checksum can't be specified for non-HTTP(S) sources");
  if (from !== undefined && 'image' in from) return await fromImage(input, from.image, word);
  const root = from?.root ?? session.contexts.main;
  let sources: CopySource[];
  try {
    sources = await findSources(root, word);
  } catch (cause) {
    const shown = from === undefined ? session.contexts.shownFolder : root.folder;
    const escaping = word.split('/').includes('..') ? 'possible escaping context directory error: ' : '';
    throw new BadRequest(`checking on sources under "${shown}": ${escaping}${messageOf(cause)}`, { cause });
  }
  const all = await found(root, sources, { keepsOwners: false, excluded: flags.excluded });
  if (!isAdd) return all;
  return { ...all, open: () => unpacked(session, sources) };
}

async function found(
  root: SourceRoot,
  sources: CopySource[],
  options: { keepsOwners: boolean; excluded?: IgnoreRules | undefined },
): Promise<FoundSources> {
  const digests: string[] = [];
  for (const source of sources)
    digests.push(
      await hashSource(source, {
        ignore: root.ignore,
        excluded: options.excluded,
        withOwners: options.keepsOwners,
      }),
    );
  return { root, sources, digests, keepsOwners: options.keepsOwners, open: async () => sources };
}

/** Of another image the id says what it holds; it is mounted only when the step is not cached. */
async function fromImage({ session }: CopyStepInput, image: BuiltImage, word: string): Promise<FoundSources> {
  const root: SourceRoot = { folder: '', ignore: IgnoreRules.none };
  return {
    root,
    sources: [],
    digests: [image.id, word],
    keepsOwners: true,
    open: async () => {
      try {
        return await findSources({ ...root, folder: await session.mounted(image) }, word);
      } catch (cause) {
        throw new BadRequest(`checking on sources under "${image.id.slice(7, 19)}": ${messageOf(cause)}`, {
          cause,
        });
      }
    },
  };
}

/** ADD unpacks local archives. */
async function unpacked(session: BuildSession, sources: readonly CopySource[]): Promise<CopySource[]> {
  const opened: CopySource[] = [];
  for (const source of sources)
    opened.push((await unpackAdded(source, session.newPath('unpacked'))) ?? source);
  return opened;
}

async function heredocFiles(input: CopyStepInput): Promise<FoundSources> {
  const { session, instruction, variables, escapeChar } = input;
  const folder = session.newPath('heredocs');
  await mkdir(folder, { recursive: true });
  const sources: CopySource[] = [];
  for (const { name, content, expand } of instruction.heredocs) {
    const path = join(folder, name);
    const text = expand ? expandText(content, variables, escapeChar) : content;
    await writeFile(path, text, { mode: 0o644 });
    sources.push({ path, name, relative: name, info: (await statOrNothing(path))! });
  }
  return await found({ folder, ignore: IgnoreRules.none }, sources, { keepsOwners: false });
}

/** A user's id without a group is the group's too (Dockerfile reference, "COPY --chown"). @throws BadRequest */
async function ownerOf(text: string | undefined, root: string): Promise<{ uid: number; gid: number }> {
  if (text === undefined || text === '') return { uid: 0, gid: 0 };
  const { uid, gid, home } = await lookUpUser(text, root, []);
  return { uid, gid: text.includes(':') || home !== undefined ? gid : uid };
}
