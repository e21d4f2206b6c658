import { resolve } from 'node:path';
import { BadRequest, messageOf } from '../base/index.ts';
import { parseStoreUrl } from '../store/index.ts';
import type { LeaderElectionConfig } from './control-plane.ts';
import { parseDurationMs } from './duration.ts';

/** What a server needs to know when it is not the only one. */
export interface SeveralServersConfig {
  /** `etcd://host:port[,host:port…]`; undefined: the file in the data directory, which is one server's. */
  storeUrl?: string;
  /** The word that locks the shared keys in the store. */
  token?: string;
  /** Absolute path of a file that holds it. */
  tokenFile?: string;
  leaderElection: LeaderElectionConfig;
  /** Servers that the node of this machine goes to when its own does not answer. */
  otherServers: string[];
}

export interface SeveralServersFlags {
  store?: string;
  token?: string;
  tokenFile?: string;
  server?: string[];
  leaderElect?: string | boolean;
  leaderElectLeaseDuration?: string;
  leaderElectRenewDeadline?: string;
  leaderElectRetryPeriod?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws BadRequest naming the flag and the value. */
export function resolveSeveralServers(flags: SeveralServersFlags, env: Environment): SeveralServersConfig {
  const storeUrl = flags.store ?? env.ORRERY_STORE;
  if (storeUrl !== undefined) checkStoreUrl(storeUrl);
  const tokenFile = flags.tokenFile ?? env.ORRERY_TOKEN_FILE;
  const token = flags.token ?? (tokenFile === undefined ? env.ORRERY_TOKEN : undefined);
  if (token !== undefined && tokenFile !== undefined)
    throw new BadRequest('--token and --token-file exclude each other');
  if (storeUrl === undefined) refuseWithoutStore(flags);
  if (token !== undefined && token.trim() === '') throw new BadRequest('--token must not be empty');
  return {
    ...(storeUrl !== undefined && { storeUrl }),
    ...(token !== undefined && { token: token.trim() }),
    ...(tokenFile !== undefined && { tokenFile: resolve(tokenFile) }),
    leaderElection: leaderElectionOf(flags),
    otherServers: (flags.server ?? env.ORRERY_SERVERS?.split(',') ?? []).map(serverUrl),
  };
}

/** A store in files has one server, whose keys nobody shares. */
function refuseWithoutStore({ token, tokenFile }: SeveralServersFlags): void {
  const flag = tokenFile !== undefined ? '--token-file' : token !== undefined ? '--token' : undefined;
  if (flag !== undefined)
    throw new BadRequest(`${flag} needs --store: a store in files has one server only`, {
      hint: 'for example --store etcd://10.0.0.1:2379',
    });
}

/** The same again as flags, for the process that goes to the background. The token goes by its environment. */
export function severalServersArguments(config: SeveralServersConfig): string[] {
  const { enabled, leaseDurationMs, renewDeadlineMs, retryPeriodMs } = config.leaderElection;
  return [
    ...(config.storeUrl === undefined ? [] : ['--store', config.storeUrl]),
    ...(config.storeUrl === undefined || config.tokenFile === undefined
      ? []
      : ['--token-file', config.tokenFile]),
    ...config.otherServers.flatMap((server) => ['--server', server]),
    ...['--leader-elect', String(enabled)],
    ...['--leader-elect-lease-duration', `${leaseDurationMs}ms`],
    ...['--leader-elect-renew-deadline', `${renewDeadlineMs}ms`],
    ...['--leader-elect-retry-period', `${retryPeriodMs}ms`],
  ];
}

/** As kube-controller-manager judges its flags; k8s.io/component-base/config/validation. */
function leaderElectionOf(flags: SeveralServersFlags): LeaderElectionConfig {
  const { leaderElect = true } = flags;
  if (typeof leaderElect === 'string' && !['true', 'false'].includes(leaderElect))
    throw new BadRequest(`--leader-elect "${leaderElect}" is not true or false`);
  const leaseDurationMs = parseDurationMs(
    '--leader-elect-lease-duration',
    flags.leaderElectLeaseDuration ?? '15s',
  );
  const renewDeadlineMs = parseDurationMs(
    '--leader-elect-renew-deadline',
    flags.leaderElectRenewDeadline ?? '10s',
  );
  const retryPeriodMs = parseDurationMs('--leader-elect-retry-period', flags.leaderElectRetryPeriod ?? '2s');
  if (leaseDurationMs <= renewDeadlineMs)
    throw new BadRequest('--leader-elect-lease-duration must be greater than --leader-elect-renew-deadline');
  if (renewDeadlineMs <= retryPeriodMs || retryPeriodMs <= 0)
    throw new BadRequest('--leader-elect-renew-deadline must be greater than --leader-elect-retry-period');
  return { enabled: String(leaderElect) === 'true', leaseDurationMs, renewDeadlineMs, retryPeriodMs };
}

function checkStoreUrl(text: string): void {
  const hint =
    'for example etcd://10.0.0.1:2379,10.0.0.2:2379; without --store objects are kept in the data directory';
  let driver: string;
  try {
    driver = parseStoreUrl(text).driver;
  } catch (cause) {
    throw new BadRequest(`--store "${text}" is not the address of a store: ${messageOf(cause)}`, {
      hint,
      cause,
    });
  }
  if (driver !== 'etcd') throw new BadRequest(`--store "${text}" is not an etcd`, { hint });
}

function serverUrl(text: string): string {
  if (!URL.canParse(text) || new URL(text).protocol !== 'https:')
    throw new BadRequest(`--server "${text}" is not the https address of a server`);
  return new URL(text).origin;
}
