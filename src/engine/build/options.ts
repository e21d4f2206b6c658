import type { Readable } from 'node:stream';
import type { ImageConfig, RegistryAccess } from '../engine.ts';

/** Where the files of COPY and ADD come from. */
export type BuildContext = { folder: string } | { tar: Readable };

/** A Dockerfile: read from the context when its path is relative and there. */
export type DockerfileSource = { path: string } | { text: string };

export interface BuildOptions {
  /** Absent: an empty folder. */
  context?: BuildContext;
  /** Default: `Containerfile`, then `Dockerfile` of the context. Several are read one after the other. */
  dockerfiles?: DockerfileSource[];
  /** `--build-context`: name → a folder, an image (`docker-image://…`) or an OCI layout (`oci-layout://…`). */
  namedContexts?: Record<string, string>;
  ignoreFile?: string;
  /** Names of the image; unqualified ones belong to `localhost`. */
  tags?: string[];
  buildArgs?: Record<string, string>;
  target?: string;
  /** Replaces the image of the first FROM. */
  from?: string;
  platform?: { os?: string; architecture?: string; variant?: string };
  /** id → where its content is. The content is in no layer, history or log. */
  secrets?: Record<string, { path: string } | { value: Buffer }>;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  env?: Record<string, string>;
  unsetEnv?: string[];
  format?: 'oci' | 'docker';
  /** Default true: one layer an instruction, found again by the next build. */
  layers?: boolean;
  squash?: 'new' | 'all';
  noCache?: boolean;
  /** Images whose history may stand for steps. */
  cacheFrom?: string[];
  pull?: 'always' | 'missing' | 'never' | 'newer';
  registry?: RegistryAccess;
  /** Seconds since 1970 for every time in the image: SOURCE_DATE_EPOCH, `--timestamp`. */
  timestampSeconds?: number;
  /** How many stages at once; 0: no limit. Default 1. */
  jobs?: number;
  run?: RunOptions;
  /** Whose words the progress is in; default podman. */
  style?: 'podman' | 'docker';
  quiet?: boolean;
  /** Text as it comes: whole lines of ours, pieces of what RUN prints. */
  onOutput?: (text: string, stream: 'stdout' | 'stderr') => void;
  signal?: AbortSignal;
}

/** What every RUN gets. */
export interface RunOptions {
  /** By default the host's, without CAP_NET_RAW; `host` keeps that. See `Builder`. */
  network?: 'host' | 'none' | { namespacePath: string };
  /** `name:address` */
  addHosts?: string[];
  noHosts?: boolean;
  dns?: string[];
  dnsSearch?: string[];
  dnsOptions?: string[];
  capAdd?: string[];
  capDrop?: string[];
  seccomp?: 'default' | 'unconfined' | { profilePath: string };
  noNewPrivileges?: boolean;
  ulimits?: { name: string; soft: number; hard: number }[];
  memoryLimitBytes?: number;
  cpuShares?: number;
  cpuQuotaUs?: number;
  cpuPeriodUs?: number;
  shmSizeBytes?: number;
  /** `source:destination[:ro]` */
  volumes?: string[];
  runtime?: string;
  runtimeFlags?: string[];
}

export interface BuildResult {
  /** `sha256:…` */
  id: string;
  names: string[];
}

/**
 * Makes images of Dockerfiles (docs.docker.com/reference/dockerfile and containers/common's Containerfile(5)).
 *
 * Guarantees: nothing a build did not finish is ever used; a cached step is used only when what it was made
 * from is the same, by content; secrets stay out of layers, history, cache and log; no COPY or ADD reads outside
 * its context or writes outside the image, whatever links there are. Does not guarantee: that RUN is isolated
 * from the host's network, unless `run.network` says so.
 */
export interface Builder {
  /** @throws BuildFailed */
  build(options: BuildOptions): Promise<BuildResult>;
  /** Forgets what was cached. @returns how many bytes that freed of cache mounts. */
  prune(): Promise<{ reclaimedBytes: number }>;
}

/** What a stage knows of its image so far. */
export interface ImageState {
  config: ImageConfig;
  architecture: string;
  os: string;
  variant?: string;
  author?: string;
}
