import { readFile } from 'node:fs/promises';
import type { Clock, Log } from '../../base/index.ts';
import type { PkiPaths } from './pki.ts';

const INTERVAL_MS = 24 * 3600 * 1000;

/** What a TLS port shows and trusts, PEM. */
export interface ServerCredentials {
  certificate: string;
  key: string;
  clientCa: string;
}

/** `proxyCa`: further authorities whose front proxies are heard; who is a user and who a proxy is told apart later. */
export async function readServerCredentials(paths: PkiPaths, proxyCa = ''): Promise<ServerCredentials> {
  const files = [
    paths.serverCertificate,
    paths.serverKey,
    paths.caCertificate,
    paths.frontProxyCaCertificate,
  ];
  const [certificate, key, ...authorities] = await Promise.all(files.map((path) => readFile(path, 'utf8')));
  return { certificate: certificate!, key: key!, clientCa: [...authorities, proxyCa].join('\n') };
}

/**
 * Once a day has the certificates renewed that end soon, and shows the server's new one on connections made from
 * then on; those there keep theirs. Returns when `signal` aborts.
 */
export async function renewServerCertificate(options: {
  paths: PkiPaths;
  proxyCa?: string | undefined;
  /** Makes new files where it is time; `ensurePki` with the options of the start. */
  renew: () => Promise<unknown>;
  use: (credentials: ServerCredentials) => void;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}): Promise<void> {
  const { paths, proxyCa, renew, use, clock, log, signal } = options;
  let { certificate } = await readServerCredentials(paths, proxyCa);
  while (!signal.aborted) {
    try {
      await clock.sleep(INTERVAL_MS, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    try {
      await renew();
      const credentials = await readServerCredentials(paths, proxyCa);
      if (credentials.certificate === certificate) continue;
      use(credentials);
      certificate = credentials.certificate;
      log.info("the server's certificate is renewed");
    } catch (error) {
      log.error("the server's certificate cannot be renewed, trying again in a day", { error });
    }
  }
}
