import { BadRequest } from '../base/index.ts';
import { type HttpTransport, type HttpTransportOptions, httpTransport } from './http-transport.ts';

interface KubeconfigCluster {
  server?: string;
  'certificate-authority'?: string;
  'certificate-authority-data'?: string;
  'insecure-skip-tls-verify'?: boolean;
  'tls-server-name'?: string;
  'proxy-url'?: string;
}

interface KubeconfigUser {
  'client-certificate'?: string;
  'client-certificate-data'?: string;
  'client-key'?: string;
  'client-key-data'?: string;
  token?: string;
  tokenFile?: string;
  username?: string;
  exec?: object;
  'auth-provider'?: object;
  as?: string;
}

interface Kubeconfig {
  'current-context'?: string;
  clusters?: { name: string; cluster: KubeconfigCluster }[];
  contexts?: { name: string; context: { cluster: string; user: string } }[];
  users?: { name: string; user: KubeconfigUser }[];
}

export interface KubeconfigOptions {
  /** Default: the file's current-context. */
  context?: string;
  /** Reads the files that the kubeconfig names; without it such fields are refused. */
  readFile?: (path: string) => string;
}

/**
 * The way to the API server that a kubeconfig's current context names.
 *
 * @throws BadRequest naming the field when it is malformed or uses a way to log in that is not supported.
 * @see https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
 */
export async function transportFromKubeconfig(
  text: string,
  options: KubeconfigOptions = {},
): Promise<HttpTransport> {
  return httpTransport(await readKubeconfig(text, options));
}

/** What a kubeconfig says, as the options of a transport. Throws as transportFromKubeconfig. */
export async function readKubeconfig(
  text: string,
  options: KubeconfigOptions = {},
): Promise<HttpTransportOptions> {
  const config = await parse(text);
  const contextName = options.context ?? config['current-context'];
  if (!contextName) throw new BadRequest('kubeconfig: current-context is not set');
  const context = named('context', config.contexts, contextName).context;
  const cluster = named('cluster', config.clusters, context.cluster).cluster;
  const user = named('user', config.users, context.user).user ?? {};
  if (!cluster.server) throw new BadRequest(`kubeconfig: cluster "${context.cluster}" has no server`);
  for (const field of ['exec', 'auth-provider', 'username', 'as'] as const)
    if (user[field] !== undefined)
      throw new BadRequest(`kubeconfig: user "${context.user}": ${field} is not supported`);
  if (cluster['proxy-url'] !== undefined)
    throw new BadRequest(`kubeconfig: cluster "${context.cluster}": proxy-url is not supported`);
  const pem = (data: string | undefined, file: string | undefined, field: string) =>
    data === undefined ? readNamed(file, field, options) : Buffer.from(data, 'base64').toString('utf8');
  const caPem = pem(
    cluster['certificate-authority-data'],
    cluster['certificate-authority'],
    'certificate-authority',
  );
  const certPem = pem(user['client-certificate-data'], user['client-certificate'], 'client-certificate');
  const keyPem = pem(user['client-key-data'], user['client-key'], 'client-key');
  const token = user.token ?? readNamed(user.tokenFile, 'tokenFile', options)?.trim();
  return {
    server: cluster.server,
    ...(caPem !== undefined && { caPem }),
    ...(certPem !== undefined && { certPem }),
    ...(keyPem !== undefined && { keyPem }),
    ...(token !== undefined && { token }),
    ...(cluster['tls-server-name'] !== undefined && { serverName: cluster['tls-server-name'] }),
    ...(cluster['insecure-skip-tls-verify'] && { insecureSkipTlsVerify: true }),
  };
}

/** `yaml` is loaded only when a kubeconfig has to be read. */
async function parse(text: string): Promise<Kubeconfig> {
  const { parse } = await import('yaml');
  let config: unknown;
  try {
    config = parse(text);
  } catch (cause) {
    throw new BadRequest('kubeconfig: not YAML', { cause });
  }
  if (typeof config !== 'object' || config === null) throw new BadRequest('kubeconfig: empty');
  return config as Kubeconfig;
}

function named<T extends { name: string }>(what: string, list: T[] | undefined, name: string): T {
  const found = list?.find((item) => item.name === name);
  if (found === undefined) throw new BadRequest(`kubeconfig: no ${what} is named "${name}"`);
  return found;
}

function readNamed(path: string | undefined, field: string, options: KubeconfigOptions): string | undefined {
  if (path === undefined) return undefined;
  if (options.readFile === undefined)
    throw new BadRequest(`kubeconfig: ${field} names a file; its content must stand in ${field}-data`);
  return options.readFile(path);
}
