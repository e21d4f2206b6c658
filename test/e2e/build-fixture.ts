import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { silentLog } from '../../src/base/index.ts';
import {
  type Builder,
  type BuildOptions,
  engineRequirements,
  type ImageConfig,
  openBuilder,
  openImageLibrary,
} from '../../src/engine/index.ts';

/** Why this host cannot build images; empty when it can. */
export async function whyNoBuilds(): Promise<string> {
  const { missing } = await engineRequirements();
  return missing.map((one) => `${one.name}: ${one.why}`).join('; ');
}

export const BASE = 'localhost/tools';
const PROGRAMS = [
  'sh',
  'cat',
  'ls',
  'id',
  'env',
  'stat',
  'rm',
  'mkdir',
  'ln',
  'chmod',
  'find',
  'grep',
  'sleep',
  'touch',
];

export interface Built {
  id: string;
  /** Everything that was printed. */
  output: string;
}

export interface BuildFixture {
  directory: string;
  /** A folder to build from; each test has its own. */
  context(files?: Record<string, string>): Promise<string>;
  build(dockerfile: string, options?: Partial<BuildOptions>): Promise<Built>;
  builder: Builder;
  images: Awaited<ReturnType<typeof openImageLibrary>>;
  configOf(id: string): Promise<ImageConfig & { history: { created_by: string }[]; diffIds: string[] }>;
  /** What is left on the host of builds: folders and mounts. */
  leftovers(): Promise<string[]>;
  dispose(): Promise<void>;
}

export async function startBuilds(): Promise<BuildFixture> {
  const directory = await mkdtemp(join(tmpdir(), 'orrery-build-'));
  const images = await openImageLibrary({ directory: join(directory, 'engine'), log: silentLog });
  await images.pack({ reference: BASE, binaries: PROGRAMS, entrypoint: [], env: { BASE: 'yes' } });
  const builder = await openBuilder({ directory: join(directory, 'engine'), images });
  let count = 0;
  const context = async (files: Record<string, string> = {}) => {
    const folder = join(directory, `context-${++count}`);
    await mkdir(folder);
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    }
    return folder;
  };
  return {
    directory,
    context,
    builder,
    images,
    build: async (text, options = {}) => {
      let output = '';
      const { id } = await builder.build({
        dockerfiles: [{ text }],
        onOutput: (piece) => {
          output += piece;
        },
        ...options,
      });
      return { id, output };
    },
    configOf: async (id) => {
      const { config } = await images.raw(id);
      const blob = JSON.parse(config.toString());
      return { ...blob.config, history: blob.history, diffIds: blob.rootfs.diff_ids };
    },
    leftovers: async () => {
      const { readdir } = await import('node:fs/promises');
      const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
      return [
        ...(await readdir(join(directory, 'engine/builds'))),
        ...mounts.filter((line) => line.includes(directory)),
      ];
    },
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
}
