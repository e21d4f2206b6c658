import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BadRequest, type Log, messageOf, OrreryError } from '../base/index.ts';
import { type EtcdOptions, openStore, parseStoreUrl, type Store } from '../store/index.ts';

/** How to come to etcd; the flags have the names they have for kube-apiserver. */
export interface EtcdConfig {
  /** Absolute paths of PEM files. */
  caFile?: string;
  certFile?: string;
  keyFile?: string;
  prefix: string;
}

export interface EtcdFlags {
  etcdCafile?: string;
  etcdCertfile?: string;
  etcdKeyfile?: string;
  etcdPrefix?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_PREFIX = '/orrery';
/** A predecessor whose supervisor was killed needs a moment to let go of the store. */
const LOCK_PATIENCE_MS = 10_000;

/** @throws BadRequest naming the flag and the value. */
export function resolveEtcd(flags: EtcdFlags, env: Environment = process.env): EtcdConfig {
  const caFile = flags.etcdCafile ?? env.ORRERY_ETCD_CAFILE;
  const certFile = flags.etcdCertfile ?? env.ORRERY_ETCD_CERTFILE;
  const keyFile = flags.etcdKeyfile ?? env.ORRERY_ETCD_KEYFILE;
  const prefix = flags.etcdPrefix ?? env.ORRERY_ETCD_PREFIX ?? DEFAULT_PREFIX;
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new BadRequest('--etcd-certfile and --etcd-keyfile need each other');
  if (!/^(\/[A-Za-z0-9._-]+)+$/.test(prefix))
    throw new BadRequest(`--etcd-prefix "${prefix}" is not a prefix of keys`, {
      hint: 'for example /orrery',
    });
  return {
    prefix,
    ...(caFile !== undefined && { caFile: resolve(caFile) }),
    ...(certFile !== undefined && { certFile: resolve(certFile) }),
    ...(keyFile !== undefined && { keyFile: resolve(keyFile) }),
  };
}

/** @throws BadRequest when a flag speaks of an etcd that no other names. */
export function refuseEtcdFlags(flags: EtcdFlags): void {
  for (const name of ['etcdCafile', 'etcdCertfile', 'etcdKeyfile', 'etcdPrefix'] as const)
    if (flags[name] !== undefined)
      throw new BadRequest(`--etcd-${name.slice('etcd'.length).toLowerCase()} needs --store`, {
        hint: 'for example --store etcd://10.0.0.1:2379',
      });
}

/** The same again as flags, for the process that goes to the background. */
export function etcdArguments({ caFile, certFile, keyFile, prefix }: EtcdConfig): string[] {
  return [
    ...(caFile === undefined ? [] : ['--etcd-cafile', caFile]),
    ...(certFile === undefined ? [] : ['--etcd-certfile', certFile]),
    ...(keyFile === undefined ? [] : ['--etcd-keyfile', keyFile]),
    ...(prefix === DEFAULT_PREFIX ? [] : ['--etcd-prefix', prefix]),
  ];
}

/** What the driver needs of the files. @throws BadRequest naming the flag of a file that cannot be read. */
export async function etcdOptions(config: EtcdConfig): Promise<EtcdOptions> {
  const ca = await readPem('--etcd-cafile', config.caFile);
  const certificate = await readPem('--etcd-certfile', config.certFile);
  const key = await readPem('--etcd-keyfile', config.keyFile);
  return {
    prefix: config.prefix,
    tls: { ...(ca && { ca }), ...(certificate && { certificate }), ...(key && { key }) },
  };
}

/** Opens the store of a server: the one `--store` names, or the file in the data directory. */
export async function openServerStore(
  config: { storeUrl?: string; etcd: EtcdConfig },
  options: { directory: string; log: Log },
): Promise<Store> {
  const { log } = options;
  if (config.storeUrl !== undefined)
    return openStore({ location: parseStoreUrl(config.storeUrl), etcd: await etcdOptions(config.etcd), log });
  const deadline = Date.now() + LOCK_PATIENCE_MS;
  for (;;) {
    try {
      return await openStore({ location: { driver: 'lmdb', directory: options.directory }, log });
    } catch (error) {
      if (!(error instanceof OrreryError && error.code === 'StoreLocked') || Date.now() > deadline)
        throw error;
      await delay(50);
    }
  }
}

async function readPem(flag: string, file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file);
  } catch (cause) {
    throw new BadRequest(`${flag} "${file}" cannot be read: ${messageOf(cause)}`, { cause });
  }
}
