import { createHash } from 'node:crypto';
import { chmod, mkdir } from 'node:fs/promises';
import { BadRequest, messageOf, NotFound, OrreryError } from '../../base/index.ts';
import type { ImageConfig, NewLayer } from '../engine.ts';
import { configOfNewImage } from '../images/new-image.ts';
import { resolveInRoot } from '../system/root-path.ts';
import { parsePlatform } from './build-args.ts';
import { prepareCopy } from './copy-step.ts';
import type { ImageState } from './options.ts';
import { type Instruction, parseOneInstruction } from './parse.ts';
import { DEFAULT_PATH, prepareRun } from './run-prepare.ts';
import { type BuildSession, type BuiltImage, type HistoryEntry, noStage } from './session.ts';
import { applyToConfig } from './stage-config.ts';
import { readArgs, type Stage, type StagedDockerfile, stageCalled } from './stages.ts';
import { type CachedStep, StepCache } from './step-cache.ts';
import { type SourceRoot, statOrNothing } from './tree-walk.ts';
import { WorkingRoot } from './working-root.ts';

export interface StageInput {
  session: BuildSession;
  file: StagedDockerfile;
  stage: Stage;
  /** The stage whose image is asked for. */
  isTarget: boolean;
  /** `[1/2] `, or nothing when there is one stage. */
  place: string;
  /** What an earlier stage came to. */
  resultOf(stage: Stage): Promise<BuiltImage>;
}

/** One instruction, understood: what it is found by, and what it does. */
interface Prepared {
  createdBy: string;
  keys: string[];
  files: 'always' | 'maybe' | 'never';
  execute(root: string): Promise<void>;
}

const NO_FILES = { files: 'never', execute: async () => undefined } as const;

/** What only Docker's image format can say. */
const DOCKER_ONLY = new Set(['ONBUILD', 'HEALTHCHECK', 'SHELL']);

/** Builds one stage, instruction by instruction. */
export class StageBuild {
  readonly #input: StageInput;
  readonly #session: BuildSession;
  readonly #args = new Map<string, string | undefined>();
  readonly #layered: boolean;
  #state!: ImageState;
  #layers: NewLayer[] = [];
  #history: HistoryEntry[] = [];
  #base: BuiltImage | undefined;
  #baseLayerNames: Promise<string[]> | undefined;
  #root: WorkingRoot | undefined;
  #createdAt = '';
  #id = '';

  constructor(input: StageInput) {
    this.#input = input;
    this.#session = input.session;
    const { layers = true, squash } = input.session.options;
    this.#layered = layers && squash === undefined;
  }

  async run(): Promise<BuiltImage> {
    const { stage, place } = this.#input;
    const instructions = [...this.#envInstructions(), ...stage.instructions, ...this.#labelInstructions()];
    const { report } = this.#session;
    const shown = `FROM ${stage.base}${stage.name === undefined ? '' : ` AS ${stage.name}`}`;
    const from = (triggers: number) => report.step(place, 1, triggers + instructions.length + 1, shown);
    // What must be pulled takes a while: then people are told first, and of ONBUILD nothing is known yet.
    const isHere = await this.#isHere();
    if (!isHere) from(0);
    await this.#start();
    const triggers = this.#triggers();
    if (isHere) from(triggers.length);
    const all = [...triggers, ...instructions];
    try {
      for (const [i, instruction] of all.entries()) {
        this.#session.signal?.throwIfAborted();
        report.step(place, i + 2, all.length + 1, instruction.shown);
        await this.#step(instruction, i === all.length - 1);
      }
      if (!this.#layered && all.length > 0) await this.#commitAll();
    } finally {
      await this.#root?.discard();
    }
    return all.length === 0 && this.#base !== undefined ? this.#base : this.#result();
  }

  async #isHere(): Promise<boolean> {
    const { session, file, stage } = this.#input;
    if (stage.base === 'scratch' || stageCalled(file.stages, stage.base, stage.index) !== undefined)
      return true;
    return !stage.base.startsWith('oci') && (await session.library.resolve(stage.base)) !== undefined;
  }

  #envInstructions(): Instruction[] {
    const env = Object.entries(this.#session.options.env ?? {});
    if (env.length === 0) return [];
    const pairs = env.map(([name, value]) => `${JSON.stringify(name)}=${JSON.stringify(value)}`);
    return [parseOneInstruction(`ENV ${pairs.join(' ')}`)];
  }

  #labelInstructions(): Instruction[] {
    const labels = Object.entries(this.#session.options.labels ?? {});
    if (labels.length === 0 || !this.#input.isTarget) return [];
    const quoted = (text: string) => `"${text.replace(/["\\$]/g, '\\$&')}"`;
    return [parseOneInstruction(`LABEL ${labels.map((pair) => pair.map(quoted).join('=')).join(' ')}`)];
  }

  /** Reads the base and becomes it. */
  async #start(): Promise<void> {
    const { session, file, stage } = this.#input;
    const earlier = stageCalled(file.stages, stage.base, stage.index);
    if (stage.base === 'scratch') this.#startEmpty();
    else {
      this.#base = earlier === undefined ? await this.#baseImage() : await this.#input.resultOf(earlier);
      const { config: blob, layers, history, id } = this.#base;
      this.#state = {
        config: structuredClone(blob.config ?? {}),
        architecture: blob.architecture,
        os: blob.os,
        ...((blob as { variant?: string }).variant && { variant: (blob as { variant?: string }).variant! }),
        ...((blob as { author?: string }).author && { author: (blob as { author?: string }).author! }),
      };
      this.#layers = [...layers];
      this.#history = [...history];
      this.#createdAt = blob.created ?? '1970-01-01T00:00:00Z';
      this.#id = id;
    }
    // Docker's and Podman's images all have one.
    if (this.#state.config.Env?.some((line) => line.startsWith('PATH=')) !== true)
      this.#state.config.Env = [`PATH=${DEFAULT_PATH}`, ...(this.#state.config.Env ?? [])];
    if (session.options.unsetEnv)
      this.#state.config.Env = (this.#state.config.Env ?? []).filter(
        (line) => !session.options.unsetEnv!.includes(line.split('=', 1)[0]!),
      );
  }

  #startEmpty(): void {
    const { platform } = this.#session;
    this.#state = {
      config: {},
      architecture: platform.architecture,
      os: platform.os,
      ...(platform.variant && { variant: platform.variant }),
    };
    this.#createdAt = this.#now();
    this.#id = 'scratch';
  }

  async #baseImage(): Promise<BuiltImage> {
    const { session, stage } = this.#input;
    const name =
      session.options.namedContexts?.[stage.base]?.replace(/^(?:docker-image|container-image):\/\//, '') ??
      stage.base;
    const platform = stage.platform === undefined ? session.platform : parsePlatform(stage.platform);
    try {
      return await session.built(await session.image(name, platform));
    } catch (cause) {
      if (session.signal?.aborted) throw cause;
      throw new OrreryError('BuildFailed', `creating build container: ${messageOf(cause)}`, { cause });
    }
  }

  /** ONBUILD of the base: run now, and gone from this image. */
  #triggers(): Instruction[] {
    const triggers = this.#state.config.OnBuild ?? [];
    delete this.#state.config.OnBuild;
    return triggers.map((text) => parseOneInstruction(text, this.#input.file.escapeChar));
  }

  async #step(instruction: Instruction, isLast: boolean): Promise<void> {
    const { report } = this.#session;
    let prepared: Prepared;
    try {
      prepared = await this.#prepare(instruction);
      await this.#make(prepared);
    } catch (cause) {
      if (this.#session.signal?.aborted) throw cause;
      if (cause instanceof NotFound && cause.message.startsWith('COPY --from=')) throw cause;
      const details = cause instanceof OrreryError && { details: cause.details };
      throw new OrreryError('BuildFailed', `building at STEP "${instruction.shown}": ${messageOf(cause)}`, {
        cause,
        ...details,
      });
    }
    if (!isLast && this.#layered) report.made(this.#id);
    else if (isLast && this.#layered && !this.#input.isTarget) report.made(this.#id);
  }

  /** Changes the image's configuration too, when the instruction does. */
  async #prepare(instruction: Instruction): Promise<Prepared> {
    const { session, file } = this.#input;
    const { escapeChar } = file;
    const { keyword } = instruction;
    const variables = (name: string) => this.#valueOf(name);
    if (keyword === 'ARG') return this.#declare(instruction);
    if (keyword === 'RUN') {
      const run = await prepareRun({
        session,
        instruction,
        config: this.#state.config,
        args: this.#declaredArgs(),
        variables,
        findFrom: (name) => this.#findFrom(name, instruction),
      });
      return { ...run, files: 'always' };
    }
    if (keyword === 'COPY' || keyword === 'ADD') {
      const name = instruction.flags.find((flag) => flag.name === 'from')?.value;
      const copy = await prepareCopy({
        session,
        instruction,
        variables,
        escapeChar,
        workingDir: this.#state.config.WorkingDir ?? '/',
        from: name === undefined || keyword === 'ADD' ? undefined : await this.#findFrom(name, instruction),
      });
      const createdBy = `/bin/sh -c #(nop) ${keyword} ${copy.content} in ${copy.destination} `;
      return { createdBy, keys: [], files: 'always', execute: copy.execute };
    }
    if (!applyToConfig({ state: this.#state, instruction, variables, escapeChar }))
      throw new BadRequest(`Build error: Unknown instruction: "${keyword}"`);
    if (DOCKER_ONLY.has(keyword) && session.options.format !== 'docker')
      session.report.warn(
        `${keyword} is not supported for OCI image format${keyword === 'HEALTHCHECK' ? ' and' : `, ${instruction.text}`} will be ignored. Must use \`docker\` format`,
      );
    const createdBy = `/bin/sh -c #(nop) ${instruction.shown}`;
    const keys = [JSON.stringify([this.#state.config, this.#state.author ?? ''])];
    if (keyword !== 'WORKDIR') return { createdBy, keys, ...NO_FILES };
    const folder = this.#state.config.WorkingDir!;
    return { createdBy, keys, files: 'maybe', execute: (root) => makeWorkingDir(root, folder) };
  }

  #declare(instruction: Instruction): Prepared {
    const { session, file } = this.#input;
    const lines: string[] = [];
    for (const { name, value } of readArgs(instruction, (one) => this.#valueOf(one), file.escapeChar)) {
      const given = session.args.valueOf(name) ?? value ?? file.globalArgs.get(name);
      this.#args.set(name, given);
      lines.push(`${name}=${given ?? ''}`);
    }
    return { createdBy: `/bin/sh -c #(nop) ${instruction.shown}`, keys: lines, ...NO_FILES };
  }

  /** ENV wins over ARG. */
  #valueOf(name: string): string | undefined {
    const line = this.#state.config.Env?.find((one) => one.startsWith(`${name}=`));
    return line?.slice(name.length + 1) ?? this.#args.get(name);
  }

  #declaredArgs(): Map<string, string> {
    const given = [...this.#args].filter((pair): pair is [string, string] => pair[1] !== undefined);
    return new Map(given);
  }

  /** A stage, a named context, or an image. */
  async #findFrom(
    text: string,
    instruction: Instruction,
  ): Promise<{ image: BuiltImage } | { root: SourceRoot }> {
    const { session, file, stage } = this.#input;
    const name = text.replace(/\$\{?(\w+)\}?/g, (_, variable: string) => this.#valueOf(variable) ?? '');
    const earlier = stageCalled(file.stages, name, stage.index);
    if (earlier !== undefined) return { image: await this.#input.resultOf(earlier) };
    const root = session.contexts.named.get(name);
    if (root !== undefined) return { root };
    const image =
      session.options.namedContexts?.[name]?.replace(/^(?:docker-image|container-image):\/\//, '') ?? name;
    try {
      return { image: await session.built(await session.image(image)) };
    } catch (cause) {
      if (session.signal?.aborted) throw cause;
      if (instruction.keyword === 'COPY') throw new NotFound(noStage(text).message, { cause });
      throw cause;
    }
  }

  async #make(prepared: Prepared): Promise<void> {
    const { cache, options, report } = this.#session;
    if (!this.#layered) {
      if (prepared.files !== 'never') await prepared.execute((await this.#ensureRoot()).root);
      this.#createdAt = this.#now();
      this.#history.push({ created: this.#createdAt, created_by: prepared.createdBy, empty_layer: true });
      return;
    }
    const key = StepCache.key([
      ...[this.#id, prepared.createdBy, String(options.timestampSeconds ?? '')],
      ...prepared.keys,
    ]);
    const cached = options.noCache
      ? undefined
      : ((await cache.find(key)) ?? (await this.#fromHistory(prepared)));
    if (cached !== undefined) {
      this.#append(cached.created, prepared.createdBy, cached.layer);
      report.usingCache(this.#id);
      return;
    }
    const layer = prepared.files === 'never' ? undefined : await this.#makeLayer(prepared);
    const created = this.#now();
    this.#append(created, prepared.createdBy, layer);
    await cache.add(key, { created, createdBy: prepared.createdBy, ...(layer && { layer }) });
  }

  /** The same step of a `--cache-from` image that came the same way: layers and history before it are ours. */
  async #fromHistory({ createdBy, keys, files }: Prepared): Promise<CachedStep | undefined> {
    // What is mounted from elsewhere stands in no history.
    if (files === 'always' && keys.length > 1) return undefined;
    const told = this.#history.length;
    for (const image of await this.#session.cacheSources()) {
      const next = image.history[told];
      const isOurs =
        this.#layers.every((layer, i) => image.layers[i]?.diffId === layer.diffId) &&
        this.#history.every(
          (entry, i) =>
            image.history[i]?.created_by === entry.created_by &&
            (image.history[i]?.empty_layer === true) === (entry.empty_layer === true),
        );
      if (!isOurs || next?.created_by !== createdBy) continue;
      if (image.existing !== undefined) await this.#session.layerNames(image);
      const layer = next.empty_layer === true ? undefined : image.layers[this.#layers.length];
      return { created: next.created ?? this.#now(), createdBy, ...(layer && { layer }) };
    }
    return undefined;
  }

  #append(created: string, createdBy: string, layer: NewLayer | undefined): void {
    if (layer !== undefined) this.#layers.push(layer);
    this.#createdAt = created;
    this.#history.push({
      created,
      created_by: createdBy,
      ...(this.#history.length === (this.#base?.history.length ?? 0) && {
        comment: `FROM ${this.#input.stage.base}`,
      }),
      ...(layer === undefined && { empty_layer: true }),
    });
    this.#id = imageIdOf(this.#result().config);
  }

  async #makeLayer(prepared: Prepared): Promise<NewLayer | undefined> {
    const root = await this.#ensureRoot();
    await prepared.execute(root.root);
    if (prepared.files === 'maybe' && !(await root.hasChanges())) return undefined;
    return await this.#takeLayer(root);
  }

  async #takeLayer(root: WorkingRoot): Promise<NewLayer> {
    root.unmount();
    const { timestampSeconds: mtimeSeconds } = this.#session.options;
    const layer = await this.#session.library.addLayerFolder(root.upper, {
      ...(mtimeSeconds !== undefined && { mtimeSeconds }),
    });
    this.#root = undefined;
    await root.discard();
    return layer;
  }

  async #ensureRoot(): Promise<WorkingRoot> {
    if (this.#root !== undefined) return this.#root;
    const { session } = this.#input;
    if (this.#base !== undefined) this.#baseLayerNames ??= session.layerNames(this.#base);
    const below = (await this.#baseLayerNames) ?? [];
    const own = this.#layers
      .slice(this.#base?.layers.length ?? 0)
      .map((layer) => session.library.layers.nameOf(layer.diffId))
      .reverse();
    this.#root = await WorkingRoot.open(session.newPath('root'), session.library.layers.folder, [
      ...own,
      ...below,
    ]);
    return this.#root;
  }

  /** Without layers: all that changed is one. `--squash-all`: all there is is one. */
  async #commitAll(): Promise<void> {
    const { library, options } = this.#session;
    if (options.squash === 'all' && this.#input.isTarget) {
      const { layerTar } = await import('../images/layer-tar.ts');
      const { timestampSeconds: mtimeSeconds } = options;
      const root = await this.#ensureRoot();
      const tar = layerTar(root.root, { isRoot: true, ...(mtimeSeconds !== undefined && { mtimeSeconds }) });
      this.#layers = [await library.addLayer(tar)];
      this.#history = this.#history.map((entry) => ({ ...entry, empty_layer: true }));
    } else if (this.#root !== undefined && (await this.#root.hasChanges()))
      this.#layers.push(await this.#takeLayer(this.#root));
    else return;
    const last = this.#history.at(-1)!;
    delete last.empty_layer;
    this.#id = imageIdOf(this.#result().config);
  }

  #now(): string {
    const { timestampSeconds } = this.#session.options;
    return new Date(timestampSeconds === undefined ? Date.now() : timestampSeconds * 1000).toISOString();
  }

  #result(): BuiltImage {
    const { architecture, os, variant, author, config } = this.#state;
    const blob = configOfNewImage({
      layers: this.#layers,
      config: sorted(config),
      architecture,
      os,
      ...(variant && { variant }),
      ...(author && { author }),
      createdAt: this.#createdAt,
      history: this.#history,
      // A stage keeps what only Docker's format can say; the last one is written in the format asked for.
      format: this.#input.isTarget ? (this.#session.options.format ?? 'oci') : 'docker',
    });
    const base = this.#base?.existing ?? this.#base?.base;
    return {
      id: imageIdOf(blob),
      layers: [...this.#layers],
      history: [...this.#history],
      config: blob,
      ...(base && { base }),
    };
  }
}

/** One order of fields, whatever order the instructions came in. */
function sorted(config: ImageConfig): ImageConfig {
  return Object.fromEntries(Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1))) as ImageConfig;
}

function imageIdOf(blob: object): string {
  return `sha256:${createHash('sha256').update(JSON.stringify(blob)).digest('hex')}`;
}

/** As Docker makes it: for root, wherever links inside the image lead. */
async function makeWorkingDir(root: string, folder: string): Promise<void> {
  const path = await resolveInRoot(root, folder, { followLast: true });
  if ((await statOrNothing(path)) !== undefined) return;
  await mkdir(path, { recursive: true, mode: 0o755 });
  await chmod(path, 0o755);
}
