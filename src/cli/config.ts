import { hostname, networkInterfaces } from 'node:os';
import { resolve } from 'node:path';
import type { ApiServerOptions } from '../apiserver/index.ts';
import { BadRequest, type LogLevel } from '../base/index.ts';
import { dataDirectoryOf, type Environment, instanceOf } from './data-root.ts';
import {
  type RequestHeaderFlags,
  type RequestHeaderOptions,
  resolveRequestHeaders,
} from './request-headers.ts';
import { type RequestLimitFlags, resolveAudit, resolveRequestLimits } from './request-limits.ts';
import {
  resolveSeveralServers,
  type SeveralServersConfig,
  type SeveralServersFlags,
} from './several-servers.ts';
import { type EtcdConfig, type EtcdFlags, refuseEtcdFlags, resolveEtcd } from './store-options.ts';

/** The only place that reads flags, environment and defaults. Flags win over ORRERY_* variables, these over defaults. */
export interface Config extends SeveralServersConfig {
  dataDirectory: string;
  /** Six hex digits from the data directory's path: keeps instances on one host apart. */
  instance: string;
  port: number;
  bindAddress: string;
  nodeName: string;
  nodeIp: string;
  nodePort: number;
  clusterCidr: string;
  serviceCidr: string;
  logLevel: LogLevel;
  /** Absolute path of a file with fixed bearer tokens, as kube-apiserver's. */
  tokenAuthFile?: string;
  /** Absolute path of a file with Kubernetes' AuthenticationConfiguration. */
  authenticationConfigFile?: string;
  /** `group/version=true|false`, as given: the server reads it. */
  runtimeConfig?: string;
  /** A front proxy before the API server. */
  requestHeaders?: RequestHeaderOptions;
  /** kube-apiserver's admission plug-ins to run, or not to run, beside its defaults; and its AdmissionConfiguration. */
  admission: { enable: string[]; disable: string[]; configFile?: string };
  /** Absolute paths of Kubernetes' audit Policy and of the file its events go to. */
  audit?: NonNullable<ApiServerOptions['audit']>;
  /** What bounds requests, where it is not the default. */
  limits: NonNullable<ApiServerOptions['limits']>;
  /** Absolute path of a file with Kubernetes' EncryptionConfiguration. */
  encryptionConfigFile?: string;
  /** Keep Secrets encrypted with a key that is made in the data directory. */
  secretsEncryption: boolean;
  /** Whether this machine is a node too. */
  node: boolean;
  /** How to come to an etcd that `storeUrl` names. */
  etcd: EtcdConfig;
}

export interface UpFlags extends SeveralServersFlags, EtcdFlags, RequestHeaderFlags, RequestLimitFlags {
  dataDir?: string;
  port?: string;
  bindAddress?: string;
  nodeName?: string;
  nodeIp?: string;
  nodePort?: string;
  clusterCidr?: string;
  serviceCidr?: string;
  logLevel?: string;
  tokenAuthFile?: string;
  authenticationConfig?: string;
  enableAdmissionPlugins?: string;
  disableAdmissionPlugins?: string;
  admissionControlConfigFile?: string;
  runtimeConfig?: string;
  encryptionProviderConfig?: string;
  secretsEncryption?: boolean;
  /** False for `orrery server`. */
  node?: boolean;
}

const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];

/** @throws BadRequest naming the flag and the value. */
export function resolveConfig(flags: UpFlags, env: Environment = process.env): Config {
  const dataDirectory = dataDirectoryOf(flags.dataDir, env);
  const pick = (flag: string | undefined, variable: string) => flag ?? env[variable];
  const clusterCidr = pick(flags.clusterCidr, 'ORRERY_CLUSTER_CIDR') ?? '10.42.0.0/16';
  const serviceCidr = pick(flags.serviceCidr, 'ORRERY_SERVICE_CIDR') ?? '10.43.0.0/16';
  checkCidr('--cluster-cidr', clusterCidr, 24);
  checkCidr('--service-cidr', serviceCidr, 28);
  if (overlaps(clusterCidr, serviceCidr)) {
    throw new BadRequest(`--cluster-cidr ${clusterCidr} and --service-cidr ${serviceCidr} overlap`);
  }
  const bindAddress = pick(flags.bindAddress, 'ORRERY_BIND_ADDRESS') ?? '0.0.0.0';
  checkAddress('--bind-address', bindAddress);
  const nodeIp = pick(flags.nodeIp, 'ORRERY_NODE_IP') ?? defaultNodeIp(bindAddress);
  checkAddress('--node-ip', nodeIp);
  const nodeName = pick(flags.nodeName, 'ORRERY_NODE_NAME') ?? hostname().toLowerCase();
  if (nodeName.length > 63 || !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(nodeName)) {
    throw new BadRequest(`--node-name "${nodeName}" is not a valid node name`, {
      hint: 'use lower case letters, digits, "-" and ".", beginning and ending with a letter or digit',
    });
  }
  const logLevel = (pick(flags.logLevel, 'ORRERY_LOG_LEVEL') ?? 'info') as LogLevel;
  if (!LOG_LEVELS.includes(logLevel)) {
    throw new BadRequest(`--log-level "${logLevel}" is not one of ${LOG_LEVELS.join(', ')}`);
  }
  const tokenAuthFile = pick(flags.tokenAuthFile, 'ORRERY_TOKEN_AUTH_FILE');
  const authenticationConfig = pick(flags.authenticationConfig, 'ORRERY_AUTHENTICATION_CONFIG');
  const admissionConfig = pick(flags.admissionControlConfigFile, 'ORRERY_ADMISSION_CONTROL_CONFIG_FILE');
  const runtimeConfig = pick(flags.runtimeConfig, 'ORRERY_RUNTIME_CONFIG');
  const encryptionConfig = pick(flags.encryptionProviderConfig, 'ORRERY_ENCRYPTION_PROVIDER_CONFIG');
  const secretsEncryption = flags.secretsEncryption ?? env.ORRERY_SECRETS_ENCRYPTION === 'true';
  if (encryptionConfig !== undefined && secretsEncryption)
    throw new BadRequest('--encryption-provider-config and --secrets-encryption exclude each other');
  const severalServers = resolveSeveralServers(flags, env);
  if (severalServers.storeUrl === undefined) refuseEtcdFlags(flags);
  if (flags.node === false && flags.server !== undefined)
    throw new BadRequest('--server is for the node, and `orrery server` has none', {
      hint: 'servers find each other in the store that --store names',
    });
  return {
    ...severalServers,
    ...(flags.node === false && { otherServers: [] }),
    ...resolveRequestHeaders(flags, env),
    ...resolveRequestLimits(flags),
    ...resolveAudit(flags, env),
    etcd: resolveEtcd(flags, env),
    dataDirectory,
    instance: instanceOf(dataDirectory),
    port: portOf('--port', pick(flags.port, 'ORRERY_PORT') ?? '6443', 1),
    bindAddress,
    nodeName,
    nodeIp,
    nodePort: portOf('--node-port', pick(flags.nodePort, 'ORRERY_NODE_PORT') ?? '10250', 0),
    clusterCidr,
    serviceCidr,
    logLevel,
    ...(tokenAuthFile !== undefined && { tokenAuthFile: resolve(tokenAuthFile) }),
    ...(authenticationConfig !== undefined && { authenticationConfigFile: resolve(authenticationConfig) }),
    ...(runtimeConfig !== undefined && { runtimeConfig }),
    admission: {
      enable: namesOf(pick(flags.enableAdmissionPlugins, 'ORRERY_ENABLE_ADMISSION_PLUGINS')),
      disable: namesOf(pick(flags.disableAdmissionPlugins, 'ORRERY_DISABLE_ADMISSION_PLUGINS')),
      ...(admissionConfig !== undefined && { configFile: resolve(admissionConfig) }),
    },
    ...(encryptionConfig !== undefined && { encryptionConfigFile: resolve(encryptionConfig) }),
    secretsEncryption,
    node: flags.node ?? true,
  };
}

/** The address a client on this host uses: a server bound to all addresses is on loopback too. */
export function localAddress(bindAddress: string): string {
  return bindAddress === '0.0.0.0' || bindAddress === '::' ? '127.0.0.1' : bindAddress;
}

function defaultNodeIp(bindAddress: string): string {
  if (bindAddress !== '0.0.0.0' && bindAddress !== '::') return bindAddress;
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (/^(orr[0-9a-f]{6}|docker|cni|veth|br-|virbr|podman|flannel)/.test(name)) continue;
    const found = addresses?.find((a) => a.family === 'IPv4' && !a.internal);
    if (found !== undefined) return found.address;
  }
  return '127.0.0.1';
}

/** Names with commas between them. */
function namesOf(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function portOf(flag: string, text: string, min: number): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < min || port > 65_535) {
    throw new BadRequest(`${flag} "${text}" is not a port`, { hint: `give a number from ${min} to 65535` });
  }
  return port;
}

function ipv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((p) => /^\d{1,3}$/.test(p) && Number(p) <= 255)) return undefined;
  return parts.reduce((sum, p) => sum * 256 + Number(p), 0);
}

function checkAddress(flag: string, text: string): void {
  if (ipv4(text) === undefined) throw new BadRequest(`${flag} "${text}" is not an IPv4 address`);
}

function checkCidr(flag: string, text: string, longestPrefix: number): void {
  const [address, prefix, ...rest] = text.split('/');
  const base = ipv4(address ?? '');
  const bits = Number(prefix);
  if (
    base === undefined ||
    rest.length > 0 ||
    !/^\d+$/.test(prefix ?? '') ||
    bits < 8 ||
    bits > longestPrefix
  ) {
    throw new BadRequest(`${flag} "${text}" is not an IPv4 range from /8 to /${longestPrefix}`, {
      hint: 'for example 10.42.0.0/16',
    });
  }
  if (base % 2 ** (32 - bits) !== 0) throw new BadRequest(`${flag} "${text}" has bits set beyond its prefix`);
}

function overlaps(a: string, b: string): boolean {
  const range = (cidr: string): [number, number] => {
    const [address, prefix] = cidr.split('/') as [string, string];
    const start = ipv4(address)!;
    return [start, start + 2 ** (32 - Number(prefix)) - 1];
  };
  const [aStart, aEnd] = range(a);
  const [bStart, bEnd] = range(b);
  return aStart <= bEnd && bStart <= aEnd;
}
