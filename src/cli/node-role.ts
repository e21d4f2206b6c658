import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { OrreryError, systemClock } from '../base/index.ts';
import { createClient, failoverTransport, httpTransport, readKubeconfig } from '../client/index.ts';
import { openEngine } from '../engine/index.ts';
import { createNode } from '../node/index.ts';
import { refuseTakenRange } from './address-ranges.ts';
import type { Config } from './config.ts';
import { dataDirectoryAt } from './data-directory.ts';
import { nodeSubnet } from './data-root.ts';
import { layerLimit } from './layer-limit.ts';
import type { RoleContext, RunningRole } from './role-main.ts';
import { orreryVersion } from './version.ts';

/** This machine as a node: a client of the API server over HTTPS with the node's own certificate. */
export async function startNodeRole(config: Config, { log }: RoleContext): Promise<RunningRole> {
  const directory = dataDirectoryAt(config.dataDirectory);
  const connection = await readKubeconfig(await readFile(directory.nodeKubeconfig, 'utf8'));
  const { caPem, certPem, keyPem } = connection;
  if (caPem === undefined || certPem === undefined || keyPem === undefined) {
    throw new OrreryError('PkiBroken', `${directory.nodeKubeconfig} lacks a certificate`, {
      hint: 'remove the file: it is made anew',
    });
  }
  const subnet = nodeSubnet(config.clusterCidr);
  refuseTakenRange(subnet, `orr${config.instance}`, networkInterfaces());
  const engine = await openEngine({
    ...{ directory: directory.engine, instance: config.instance, subnet, log },
    ...layerLimit(process.env),
  });
  const transport = failoverTransport([
    httpTransport(connection),
    ...config.otherServers.map((server) => httpTransport({ ...connection, server })),
  ]);
  const node = await createNode({
    name: config.nodeName,
    ip: config.nodeIp,
    directory: directory.node,
    storageDirectory: directory.storage,
    instance: config.instance,
    engine,
    registries: {
      insecureLoopback: true,
      registriesConf: '/etc/containers/registries.conf',
      signaturePolicy: '/etc/containers/policy.json',
      certificateFolders: ['/etc/containers/certs.d', '/etc/docker/certs.d'],
    },
    client: createClient(transport, { userAgent: `kubelet/${orreryVersion}` }),
    podCidr: subnet,
    serviceCidr: config.serviceCidr,
    server: { tls: { keyPem, certPem, caPem }, host: config.bindAddress, port: config.nodePort },
    version: orreryVersion,
    clock: systemClock,
    log,
  });
  const end = new AbortController();
  const running = node.run(end.signal);
  running.catch((error: unknown) => log.error('node failed', { error }));
  const ready = await Promise.race([
    node.ready(),
    running.then(() => Promise.reject(new OrreryError('NodeEnded', 'the node ended by itself'))),
  ]);
  running.catch(() => process.exit(70));
  return {
    details: {
      name: config.nodeName,
      port: String(ready.serverPort),
      ...(ready.problem !== undefined && { problem: ready.problem }),
    },
    stop: async () => {
      end.abort();
      await running;
      transport.close();
    },
  };
}
