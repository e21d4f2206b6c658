import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { corev1 } from '../../kube/index.ts';
import type { PodGround } from '../containers/container-starter.ts';
import { hostsFile, type PodHostname, podHostname, resolvConf } from '../containers/etc-files.ts';
import { serviceEnvironment } from '../environment/service-environment.ts';
import { absent } from '../volumes/atomic-writer.ts';
import type { EtcMounts } from '../volumes/container-mounts.ts';
import type { PodFolder } from './pod-folder.ts';
import type { Sandbox } from './pod-sandbox.ts';
import type { PodServices } from './pod-services.ts';

export interface GroundRequest {
  pod: corev1.Pod;
  folder: PodFolder;
  sandbox: Sandbox;
  /** See VolumeSetup. */
  fresh: boolean;
  signal: AbortSignal;
}

/**
 * Makes what containers of a pod stand on: volumes and files for /etc. Idempotent.
 *
 * @throws VolumeSetupFailed
 */
export async function prepareGround(services: PodServices, request: GroundRequest): Promise<PodGround> {
  const { pod, folder, sandbox } = request;
  const podIPs = podAddresses(services, sandbox);
  const facts = { podIPs, hostIPs: services.hostIPs, allocatable: services.allocatable };
  const hostname = podHostname(pod, services.clusterDomain);
  const [volumes, etc, clusterServices] = await Promise.all([
    services.volumes.setUp({ pod, folder: folder.volumes, facts, fresh: request.fresh }),
    writeEtcFiles(services, request, podIPs, hostname),
    services.services(),
  ]);
  return {
    pod,
    folder,
    network: sandbox.network,
    podIP: podIPs[0] ?? '127.0.0.1',
    hostname:
      sandbox.network === 'host'
        ? (await readFile('/proc/sys/kernel/hostname', 'utf8')).trim()
        : hostname.hostname,
    volumes,
    etc,
    facts,
    services: serviceEnvironment(
      clusterServices,
      pod.metadata.namespace ?? '',
      pod.spec.enableServiceLinks !== false,
    ),
    signal: request.signal,
  };
}

/** On the host's network a pod's addresses are the host's. */
export function podAddresses(services: PodServices, sandbox: Sandbox | undefined): readonly string[] {
  if (sandbox === undefined) return [];
  return sandbox.network === 'host' ? services.hostIPs : sandbox.addresses;
}

async function writeEtcFiles(
  services: PodServices,
  { pod, folder, sandbox }: GroundRequest,
  podIPs: readonly string[],
  hostname: PodHostname,
): Promise<EtcMounts> {
  const onHost = sandbox.network === 'host';
  const [hostHosts, hostResolvConf] = await Promise.all([
    onHost ? readFile('/etc/hosts', 'utf8').catch(absent) : undefined,
    readFile('/etc/resolv.conf', 'utf8').catch(absent),
  ]);
  const { clusterDns, clusterDomain } = services;
  const contents = {
    hosts: hostsFile({
      podIPs,
      hostname,
      aliases: pod.spec.hostAliases ?? [],
      ...(onHost && { hostContent: hostHosts ?? '' }),
    }),
    'resolv.conf': resolvConf({ pod, hostContent: hostResolvConf ?? '', clusterDns, clusterDomain }),
    ...(!onHost && { hostname: `${hostname.hostname}\n` }),
  };
  await mkdir(dirname(folder.etc('hosts')), { recursive: true });
  for (const [name, content] of Object.entries(contents)) {
    const path = folder.etc(name as 'hosts');
    // Written in place, when it differs: running containers have this very file in their /etc.
    if ((await readFile(path, 'utf8').catch(absent)) !== content) await writeFile(path, content);
  }
  return {
    '/etc/hosts': folder.etc('hosts'),
    '/etc/resolv.conf': folder.etc('resolv.conf'),
    ...(!onHost && { '/etc/hostname': folder.etc('hostname') }),
  };
}
