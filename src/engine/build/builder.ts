import { access, constants, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BadRequest, messageOf, OrreryError, removeTree } from '../../base/index.ts';
import type { ImageLibrary } from '../engine.ts';
import { ownedName } from '../images/blobs.ts';
import type { DiskImageLibrary } from '../images/image-library.ts';
import { localReference } from '../images/short-names.ts';
import { requirePrograms } from '../requirements.ts';
import { GivenArgs, platformOf } from './build-args.ts';
import { type ContextRoots, contextFolder, readDockerfiles, readIgnoreRules } from './context.ts';
import { IgnoreRules } from './ignore.ts';
import { removeBuild, sweepBuilds } from './leftovers.ts';
import type { Builder, BuildOptions, BuildResult } from './options.ts';
import { parseDockerfile } from './parse.ts';
import { BuildReport } from './report.ts';
import { BuildSession, type BuiltImage, type Library } from './session.ts';
import { StageBuild } from './stage-build.ts';
import {
  neededStages,
  needsOf,
  readStages,
  type Stage,
  type StagedDockerfile,
  targetStage,
} from './stages.ts';
import { StepCache } from './step-cache.ts';
import type { SourceRoot } from './tree-walk.ts';

export interface BuilderOptions {
  /** The engine's, whose images these are. */
  directory: string;
  images: ImageLibrary;
}

const RUNTIME_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Opens the builder over an engine's directory, and takes away what builds that were killed left there. */
export async function openBuilder({ directory, images }: BuilderOptions): Promise<Builder> {
  const library = images as ImageLibrary & DiskImageLibrary;
  const cache = new StepCache(join(directory, 'build-cache'), library);
  const builds = join(directory, 'builds');
  const cacheMounts = join(directory, 'build-mounts');
  await mkdir(builds, { recursive: true, mode: 0o700 });
  await mkdir(cacheMounts, { recursive: true, mode: 0o700 });
  await cache.open();
  await sweepBuilds(directory);
  return {
    build: (options) => build({ options, library, cache, builds, cacheMounts }),
    prune: async () => {
      const reclaimedBytes = await sizeOf(cacheMounts);
      await cache.clear();
      await removeTree(cacheMounts);
      await mkdir(cacheMounts, { recursive: true, mode: 0o700 });
      return { reclaimedBytes };
    },
  };
}

interface BuildInput {
  options: BuildOptions;
  library: Library;
  cache: StepCache;
  builds: string;
  cacheMounts: string;
}

async function build(input: BuildInput): Promise<BuildResult> {
  const { options, builds } = input;
  const folder = join(builds, ownedName());
  await mkdir(folder, { mode: 0o700 });
  try {
    return await buildIn(folder, input);
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error;
  } finally {
    await removeBuild(folder);
  }
}

async function buildIn(folder: string, input: BuildInput): Promise<BuildResult> {
  const { options } = input;
  const report = new BuildReport(options);
  const unpacked = join(folder, 'context');
  await mkdir(unpacked);
  const context = await contextFolder(options.context, unpacked);
  const files = await readDockerfiles(options.dockerfiles, context);
  const platform = platformOf(options.platform);
  const args = new GivenArgs(options.buildArgs ?? {}, platform);
  const file = await readFiles(files, args);
  if (options.from !== undefined) file.stages[0]!.base = options.from;
  const target = targetStage(file.stages, options.target);
  const contexts: ContextRoots = {
    main: { folder: context, ignore: await readIgnoreRules(context, options, files[0]?.name) },
    shownFolder:
      options.context !== undefined && 'folder' in options.context ? options.context.folder : context,
    named: await namedFolders(options),
  };
  const runc = async () => await runtimeOf(options);
  const session = new BuildSession({ ...input, report, args, platform, contexts, runc, folder });
  try {
    const image = await buildStages(session, file, target);
    return await commit(session, image, placeOf(target, target));
  } finally {
    await session.close();
  }
}

async function readFiles(
  files: readonly { name: string; text: string }[],
  args: GivenArgs,
): Promise<StagedDockerfile> {
  const parsed = [];
  for (const { name, text } of files) {
    try {
      parsed.push(await parseDockerfile(text, name));
    } catch (cause) {
      if (/^no (?:contents|FROM)/.test(messageOf(cause))) throw cause;
      throw new BadRequest(`parsing main Dockerfile: ${name}: ${messageOf(cause)}`, { cause });
    }
  }
  const escapeChar = parsed[0]?.escapeChar ?? '\\';
  return readStages({ instructions: parsed.flatMap((one) => one.instructions), escapeChar }, (name) =>
    args.valueOf(name),
  );
}

/** Named contexts that are folders; images stay names. @throws BadRequest */
async function namedFolders(options: BuildOptions): Promise<Map<string, SourceRoot>> {
  const folders = new Map<string, SourceRoot>();
  for (const [name, value] of Object.entries(options.namedContexts ?? {})) {
    if (/^(?:docker-image|container-image):\/\//.test(value)) continue;
    if (/^[a-z-]+:\/\//.test(value) || value.startsWith('git@'))
      throw new BadRequest(
        `the build context ${name}=${value} is not supported: give a folder or docker-image://NAME`,
      );
    const folder = await contextFolder({ folder: value }, value);
    folders.set(name, { folder, ignore: IgnoreRules.none });
  }
  return folders;
}

function placeOf(stage: Stage, target: Stage): string {
  return target.index === 0 ? '' : `[${stage.index + 1}/${target.index + 1}] `;
}

/** Each needed stage once, those that do not need each other side by side as far as `jobs` allows. */
async function buildStages(
  session: BuildSession,
  file: StagedDockerfile,
  target: Stage,
): Promise<BuiltImage> {
  const results = new Map<Stage, Promise<BuiltImage>>();
  const slots = new Slots(session.options.jobs ?? 1);
  for (const stage of neededStages(file.stages, target)) {
    const needs = needsOf(file.stages, stage).map((one) => results.get(one)!);
    const result = Promise.all(needs).then(() =>
      slots.use(() =>
        new StageBuild({
          session,
          file,
          stage,
          isTarget: stage === target,
          place: placeOf(stage, target),
          resultOf: (one) => results.get(one)!,
        }).run(),
      ),
    );
    results.set(stage, result);
  }
  // Everything ends before its folders go, also when one has failed.
  const ended = await Promise.allSettled(results.values());
  const failed = ended.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return await results.get(target)!;
}

/** At most so many at once, in the order they came; after a failure none begins. */
class Slots {
  #free: number;
  #failed = false;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count === 0 ? Number.POSITIVE_INFINITY : count;
  }

  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free--;
    try {
      if (this.#failed) throw new OrreryError('BuildFailed', 'another stage failed');
      return await work();
    } catch (error) {
      this.#failed = true;
      throw error;
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

async function commit(session: BuildSession, image: BuiltImage, place: string): Promise<BuildResult> {
  const { options, library, report, args } = session;
  const [first, ...more] = options.tags ?? [];
  report.commit(place, first);
  let id = image.id;
  const there = image.existing ?? (await library.resolve(image.id));
  if (there === undefined) id = (await addImage(session, image, first)).id;
  const given = [...(there === undefined || first === undefined ? [] : [first]), ...more].map((name) =>
    localReference(name),
  );
  // Naming costs an fsync: what has the name already keeps it.
  for (const name of given) if (there?.references.includes(name) !== true) await library.tag(id, name);
  report.made(id);
  const unused = args.unused();
  if (unused.length > 0) report.unusedArgs(unused);
  const names = first === undefined ? [] : ((await library.resolve(id))?.references ?? []);
  await library.built(id);
  report.done(id, names);
  return { id, names };
}

async function addImage(session: BuildSession, image: BuiltImage, name: string | undefined) {
  const { config: blob } = image;
  const { options } = session;
  const { variant, author } = blob as { variant?: string; author?: string };
  return await session.library.add({
    ...(name !== undefined && { reference: localReference(name) }),
    layers: image.layers,
    config: blob.config ?? {},
    architecture: blob.architecture,
    os: blob.os,
    ...(variant && { variant }),
    ...(author && { author }),
    createdAt: blob.created!,
    history: image.history,
    format: options.format ?? 'oci',
    // OCI image-spec, annotations.md.
    annotations: {
      'org.opencontainers.image.base.digest': image.base?.digest ?? '',
      'org.opencontainers.image.base.name': image.base?.references[0] ?? '',
      ...options.annotations,
    },
  });
}

/** @throws OrreryError EngineUnavailable when the host cannot run containers. */
async function runtimeOf({ run }: BuildOptions): Promise<string> {
  const name = run?.runtime;
  if (name === undefined) return (await requirePrograms()).runc;
  for (const path of name.includes('/') ? [name] : RUNTIME_FOLDERS.map((folder) => join(folder, name)))
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // Not here: "nowhere" is what is thrown below.
    }
  throw new BadRequest(`default OCI runtime "${name}" not found: invalid argument`);
}

async function sizeOf(folder: string): Promise<number> {
  const { lstat } = await import('node:fs/promises');
  let total = 0;
  for (const name of await readdir(folder, { recursive: true }))
    total += (await lstat(join(folder, name))).size;
  return total;
}
