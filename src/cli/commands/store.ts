import { unreadableValues } from '../../apiserver/index.ts';
import { BadRequest, OrreryError, silentLog } from '../../base/index.ts';
import {
  backUpStore,
  checkStore,
  compactStore,
  migrateStore,
  type OnProgress,
  parseStoreUrl,
  restoreStore,
  type StorePlace,
} from '../../store/index.ts';
import { dataDirectoryAt } from '../data-directory.ts';
import { dataDirectoryOf } from '../data-root.ts';
import { encryptionOf } from '../encryption.ts';
import { formatBytes, outputFormat, printStructured } from '../output.ts';
import { type EtcdFlags, etcdOptions, resolveEtcd } from '../store-options.ts';
import { forgetStore, rememberStore } from '../store-place.ts';

export async function checkStoreCommand(flags: {
  dataDir?: string;
  output?: string;
  encryptionProviderConfig?: string;
}): Promise<void> {
  const format = outputFormat(flags.output);
  const directory = dataDirectoryAt(dataDirectoryOf(flags.dataDir));
  const encryptionConfigFile =
    flags.encryptionProviderConfig ?? process.env.ORRERY_ENCRYPTION_PROVIDER_CONFIG;
  const encryption = await encryptionOf(
    { ...(encryptionConfigFile !== undefined && { encryptionConfigFile }), secretsEncryption: false },
    directory.pki,
  );
  const report = await checkStore(directory.store, unreadableValues(encryption));
  if (format !== 'text') await printStructured(report, format);
  else {
    process.stdout.write(
      `store       ${directory.store}\nrevision    ${report.revision} (history from ${report.compactedRevision})\n` +
        `keys        ${report.keys}\nlog         ${report.logEntries} entries, ${formatBytes(report.bytes)}\n` +
        (report.unverifiedEntries === 0
          ? ''
          : `unverified  ${report.unverifiedEntries} entries of an older version have no checksum\n`),
    );
    for (const problem of report.problems) process.stdout.write(`problem     ${problem}\n`);
  }
  if (!report.ok) {
    throw new OrreryError(
      'StoreInconsistent',
      `the store has ${report.problems.length} problem${report.problems.length === 1 ? '' : 's'}`,
      {
        hint:
          encryptionConfigFile === undefined && report.problems.some((p) => p.includes('transform key'))
            ? 'what is encrypted is read with --encryption-provider-config FILE, the one the servers have'
            : 'keep a copy of the data directory before anything else',
      },
    );
  }
  if (format === 'text') process.stdout.write('consistent\n');
}

interface PlaceFlags extends EtcdFlags {
  dataDir?: string;
  store?: string;
  output?: string;
}

export async function backUpStoreCommand(file: string, flags: PlaceFlags): Promise<void> {
  const format = outputFormat(flags.output);
  const place = await placeOf(flags.store, flags);
  const result = await withProgress('read', (onProgress) =>
    backUpStore(place, { file, now: new Date(), onProgress }),
  );
  if (format !== 'text') return printStructured(result, format);
  process.stdout.write(
    `backup      ${result.file} (${formatBytes(result.bytes)})\nrevision    ${result.revision}\nkeys        ${result.keys}\n`,
  );
}

export async function restoreStoreCommand(file: string, flags: PlaceFlags): Promise<void> {
  const format = outputFormat(flags.output);
  const place = await placeOf(flags.store, flags);
  const result = await withProgress('restored', (onProgress) => restoreStore(file, place, onProgress));
  await printCopy(result, format);
}

export async function migrateStoreCommand(
  flags: Omit<PlaceFlags, 'store'> & { from?: string; to?: string },
): Promise<void> {
  const format = outputFormat(flags.output);
  if ((flags.from === undefined) === (flags.to === undefined))
    throw new BadRequest(
      'give --to, or --from, with the address of an etcd; the other is the data directory',
      {
        hint: 'for example: orrery store migrate --to etcd://10.0.0.1:2379',
      },
    );
  const [from, to] = [await placeOf(flags.from, flags), await placeOf(flags.to, flags)];
  const result = await withProgress('copied', (onProgress) => migrateStore(from, to, onProgress));
  const root = dataDirectoryOf(flags.dataDir);
  if (flags.to === undefined) await forgetStore(root);
  else await rememberStore(root, flags.to);
  await printCopy(result, format);
}

export async function compactStoreCommand(flags: PlaceFlags): Promise<void> {
  const format = outputFormat(flags.output);
  const place = await placeOf(flags.store, flags);
  const result = await compactStore(place, (endpoint) => {
    if (process.stderr.isTTY) process.stderr.write(`defragmenting ${endpoint}\n`);
  });
  if (format !== 'text') return printStructured(result, format);
  const { revision, bytesBefore, bytesAfter } = result;
  process.stdout.write(
    `revision    ${revision}\nsize        ${formatBytes(bytesAfter)}, before ${formatBytes(bytesBefore)}\n`,
  );
}

/** The store that a URL names, or the one in the data directory. */
async function placeOf(url: string | undefined, flags: PlaceFlags): Promise<StorePlace> {
  if (url === undefined) {
    const { store } = dataDirectoryAt(dataDirectoryOf(flags.dataDir));
    return { location: { driver: 'lmdb', directory: store }, log: silentLog };
  }
  return { location: parseStoreUrl(url), etcd: await etcdOptions(resolveEtcd(flags)), log: silentLog };
}

/** On a terminal, one line that tells how far it is. */
async function withProgress<T>(verb: string, work: (onProgress: OnProgress) => Promise<T>): Promise<T> {
  if (!process.stderr.isTTY) return work(() => undefined);
  try {
    return await work((keys, of) => {
      process.stderr.write(
        `\r\x1b[2K${verb} ${keys.toLocaleString('en')} of ${of.toLocaleString('en')} keys`,
      );
    });
  } finally {
    process.stderr.write('\r\x1b[2K');
  }
}

async function printCopy(
  result: { keys: number; sourceRevision: number; revision: number },
  format: 'text' | 'json' | 'yaml',
): Promise<void> {
  if (format !== 'text') return printStructured(result, format);
  const { keys, sourceRevision, revision } = result;
  process.stdout.write(
    `keys        ${keys}\nrevision    ${revision}, of the source ${sourceRevision}: clients that watch will list again\n`,
  );
}
