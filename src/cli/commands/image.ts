import { delimiter, resolve } from 'node:path';
import { BadRequest, OrreryError, silentLog } from '../../base/index.ts';
import {
  type Engine,
  familiarReference,
  type LoadedImage,
  openEngine,
  type PackOptions,
} from '../../engine/index.ts';
import { prepareDataDirectory } from '../data-directory.ts';
import { dataDirectoryOf, instanceOf, nodeSubnet } from '../data-root.ts';
import { layerLimit } from '../layer-limit.ts';

interface Flags {
  dataDir?: string;
}

async function engineOf(flags: Flags): Promise<Engine> {
  const directory = await prepareDataDirectory(dataDirectoryOf(flags.dataDir));
  return openEngine({
    directory: directory.engine,
    instance: instanceOf(directory.root),
    subnet: nodeSubnet('10.42.0.0/16'),
    log: silentLog,
    searchPath: (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== ''),
    ...layerLimit(process.env),
  });
}

interface PackFlags extends Flags {
  entrypoint?: string;
  cmd?: string;
  file: string[];
  env: string[];
  workdir?: string;
  user?: string;
  expose: string[];
}

export async function packImage(name: string, binaries: string[], flags: PackFlags): Promise<void> {
  const options: PackOptions = {
    reference: name,
    binaries,
    env: Object.fromEntries(flags.env.map(variable)),
  };
  options.files = flags.file.map(fileOption);
  if (flags.entrypoint !== undefined) options.entrypoint = words('--entrypoint', flags.entrypoint);
  if (flags.cmd !== undefined) options.cmd = words('--cmd', flags.cmd);
  if (flags.workdir !== undefined) options.workingDir = absolute('--workdir', flags.workdir);
  if (flags.user !== undefined) options.user = userOf(flags.user);
  if (flags.expose.length > 0) options.exposedPorts = flags.expose.map(exposed);
  const engine = await engineOf(flags);
  printLoaded([await engine.images.pack(options)]);
}

export async function checkImages(flags: Flags): Promise<void> {
  const engine = await engineOf(flags);
  const problems = await engine.images.check();
  for (const problem of problems) process.stdout.write(`problem  ${problem}\n`);
  if (problems.length > 0)
    throw new OrreryError('ImageStoreInconsistent', `the image store has ${problems.length} problems`);
  process.stdout.write('consistent\n');
}

function printLoaded(images: LoadedImage[]): void {
  for (const image of images)
    process.stdout.write(
      `Loaded image: ${image.reference === undefined ? image.id : familiarReference(image.reference)}\n`,
    );
}

/** `NAME=VALUE`, or `NAME` for the value it has here, as Docker has it. */
function variable(text: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals === 0 || text === '') throw new BadRequest(`--env "${text}" has no name`);
  if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
  return [text, process.env[text] ?? ''];
}

function fileOption(text: string): { source: string; destination: string } {
  const colon = text.lastIndexOf(':');
  if (colon <= 0 || !text.slice(colon + 1).startsWith('/')) {
    throw new BadRequest(`--file "${text}" is not HOSTPATH:IMAGEPATH with an absolute image path`);
  }
  return { source: resolve(text.slice(0, colon)), destination: text.slice(colon + 1) };
}

/** A JSON array of words, or one word. */
function words(flag: string, text: string): string[] {
  if (!text.startsWith('[')) return [text];
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new BadRequest(`${flag} ${text} is not a JSON array`, { cause });
  }
  if (!Array.isArray(parsed) || !parsed.every((word) => typeof word === 'string')) {
    throw new BadRequest(`${flag} ${text} is not a JSON array of strings`);
  }
  return parsed;
}

function absolute(flag: string, text: string): string {
  if (!text.startsWith('/')) throw new BadRequest(`${flag} "${text}" is not an absolute path`);
  return text;
}

function userOf(text: string): string {
  if (!/^[\w.-]+(:[\w.-]+)?$/.test(text)) throw new BadRequest(`--user "${text}" is not USER[:GROUP]`);
  return text;
}

function exposed(text: string): string {
  const match = /^(\d{1,5})(?:\/(tcp|udp))?$/.exec(text);
  if (match === null || Number(match[1]) < 1 || Number(match[1]) > 65_535)
    throw new BadRequest(`--expose "${text}" is not PORT[/tcp|udp]`);
  return `${match[1]}/${match[2] ?? 'tcp'}`;
}
