import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import {
  createApiServer,
  parseRuntimeConfig,
  parseTokenFile,
  type RequestHeaderConfig,
} from '../apiserver/index.ts';
import { BadRequest, messageOf, systemClock } from '../base/index.ts';
import { labelOwnNode } from '../controllers/index.ts';
import type { Descriptions } from '../kube/index.ts';
import { componentClients } from './component-clients.ts';
import { type Config, localAddress } from './config.ts';
import { createControlPlane } from './control-plane.ts';
import { ensureCredentials } from './credentials.ts';
import { dataDirectoryAt } from './data-directory.ts';
import type { RequestHeaderOptions } from './request-headers.ts';
import type { RoleContext, RunningRole } from './role-main.ts';
import { openStoreAndKeys } from './server-store.ts';
import { orreryVersion } from './version.ts';

/** The control plane in one process: API server, controllers, scheduler; these two are clients by function call. */
export async function startServerRole(config: Config, { log, tell }: RoleContext): Promise<RunningRole> {
  const directory = dataDirectoryAt(config.dataDirectory);
  const { store, pki } = await openStoreAndKeys(config, directory, {
    log,
    credentialsMade: () => tell({ type: 'credentials' }),
  });
  const api = await createApiServer({
    store,
    pki: pki.paths,
    log,
    productVersion: orreryVersion,
    serviceCidr: config.serviceCidr,
    hostname: hostname().toLowerCase(),
    isShared: config.storeUrl !== undefined,
    advertise: { address: config.nodeIp, port: config.port },
    loadDescriptions,
    ...(config.tokenAuthFile !== undefined && {
      staticTokens: await readTokenFile(config.tokenAuthFile),
    }),
    ...(config.authenticationConfigFile !== undefined && {
      authenticationConfigFile: config.authenticationConfigFile,
    }),
    ...(config.requestHeaders !== undefined && {
      requestHeaders: await readRequestHeaders(config.requestHeaders),
    }),
    ...(config.runtimeConfig !== undefined && { runtimeConfig: parseRuntimeConfig(config.runtimeConfig) }),
    admission: config.admission,
    ...(config.audit !== undefined && { audit: config.audit }),
    limits: config.limits,
    renewPki: () => ensureCredentials(directory, config),
  });
  const end = new AbortController();
  const listening = await api.listen({ host: config.bindAddress, port: config.port }).catch(async (error) => {
    await store.close();
    throw error;
  });
  await api.bootstrap();

  const clients = componentClients(api);
  const plane = createControlPlane({
    clients,
    config: {
      caPem: pki.caCertificatePem,
      clusterCidr: config.clusterCidr,
      signCertificate: pki.signRequest,
      localPathDirectory: directory.storage,
    },
    election: config.leaderElection,
    isSole: config.storeUrl === undefined,
    clock: systemClock,
    log,
  });
  const endPlane = new AbortController();
  const planning = plane.run(endPlane.signal);
  const labelling = labelOwnNode(
    {
      client: clients.controllerManager,
      writer: clients.controller('node-controller'),
      clock: systemClock,
      log,
      nodeName: config.nodeName,
    },
    endPlane.signal,
  );
  const running = Promise.all([api.run(end.signal), planning, labelling]);
  running.catch((error: unknown) => {
    log.error('control plane failed', { error });
    process.exit(70);
  });
  await plane.ready();
  return {
    details: { address: `https://${localAddress(config.bindAddress)}:${listening.port}` },
    stop: async () => {
      // While there still is an API to give the leases up through.
      endPlane.abort();
      await Promise.all([planning, labelling]);
      end.abort();
      await api.close();
      await running;
      await store.close();
    },
  };
}

async function readTokenFile(file: string): Promise<ReturnType<typeof parseTokenFile>> {
  const flag = '--token-auth-file';
  const text = await readNamed(flag, file);
  try {
    return parseTokenFile(text);
  } catch (cause) {
    throw new BadRequest(`${flag} "${file}": ${messageOf(cause)}`, { cause });
  }
}

async function readNamed(flag: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new BadRequest(`${flag} "${file}" cannot be read: ${messageOf(cause)}`, { cause });
  }
}

async function readRequestHeaders({
  clientCaFile,
  ...headers
}: RequestHeaderOptions): Promise<RequestHeaderConfig> {
  const flag = '--requestheader-client-ca-file';
  const clientCaPem = await readNamed(flag, clientCaFile);
  if (!clientCaPem.includes('-----BEGIN CERTIFICATE-----'))
    throw new BadRequest(`${flag} "${clientCaFile}" holds no certificate`);
  return { clientCaPem, ...headers };
}

/** What `kubectl explain` shows; made by the build, beside the program. */
async function loadDescriptions(): Promise<Descriptions> {
  const file = join(dirname(process.argv[1]!), 'kubernetes-descriptions.json');
  return existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as Descriptions) : {};
}
