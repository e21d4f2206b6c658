import { spawn } from 'node:child_process';
import { text as textOf } from 'node:stream/consumers';
import { BadRequest, messageOf, OrreryError } from '../../base/index.ts';
import type { Fields } from './kubeconfig-document.ts';

const VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];

/** A kubeconfig user's `exec`: a program that logs in. */
interface ExecConfig {
  command: string;
  args: string[];
  env: { name: string; value: string }[];
  apiVersion: string;
  installHint: string;
  provideClusterInfo: boolean;
  interactiveMode: string;
}

/**
 * Runs the program that a kubeconfig's user logs in with. It may ask its user on the terminal.
 *
 * @returns the fields of a kubeconfig's user that it stands for
 * @throws BadRequest for an `exec` that is malformed; OrreryError CommandFailed for a program that fails, or whose
 * answer is no credential
 * @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
 */
export async function execCredential(exec: unknown, cluster: Fields): Promise<Fields> {
  const config = readExec(exec);
  const isInteractive = config.interactiveMode !== 'Never' && process.stdin.isTTY === true;
  if (config.interactiveMode === 'Always' && !isInteractive)
    throw new BadRequest(`kubeconfig: exec: ${config.command} needs a terminal`);
  const info = {
    kind: 'ExecCredential',
    apiVersion: config.apiVersion,
    spec: { interactive: isInteractive, ...(config.provideClusterInfo && { cluster: clusterInfo(cluster) }) },
  };
  const answer = await run(config, isInteractive, JSON.stringify(info));
  return credentialOf(answer, config);
}

/** The fields of an `exec`, as their defaults have them. */
export function readExec(exec: unknown): ExecConfig {
  const fields = exec as Partial<ExecConfig> | null;
  if (typeof fields?.command !== 'string' || fields.command === '')
    throw new BadRequest('kubeconfig: exec: command must be specified');
  const { apiVersion = '' } = fields;
  if (!VERSIONS.includes(apiVersion))
    throw new BadRequest(`kubeconfig: exec: apiVersion "${apiVersion}" is not one of ${VERSIONS.join(', ')}`);
  return {
    command: fields.command,
    args: fields.args ?? [],
    env: fields.env ?? [],
    apiVersion,
    installHint: fields.installHint ?? '',
    provideClusterInfo: fields.provideClusterInfo === true,
    interactiveMode: fields.interactiveMode ?? 'IfAvailable',
  };
}

/**
 * @param answer what the program printed
 * @throws OrreryError CommandFailed; its message never holds the answer
 */
export function credentialOf(
  answer: string,
  { command, apiVersion }: Pick<ExecConfig, 'command' | 'apiVersion'>,
): Fields {
  const refuse = (why: string): never => {
    throw new OrreryError('CommandFailed', `exec plugin ${command} ${why}`);
  };
  const credential = parsed(answer) ?? refuse('did not print JSON');
  if (credential.kind !== 'ExecCredential') refuse('did not print an ExecCredential');
  if (credential.apiVersion !== apiVersion)
    refuse(`is configured to use API version ${apiVersion}, it returned version ${credential.apiVersion}`);
  const { token, clientCertificateData: certificate, clientKeyData: key } = credential.status ?? {};
  if ((certificate === undefined) !== (key === undefined))
    refuse('returned only certificate or key, not both');
  if (typeof token !== 'string' && typeof certificate !== 'string')
    refuse("didn't return a token or cert/key pair");
  const base64 = (pem: unknown) => Buffer.from(String(pem)).toString('base64');
  return {
    ...(typeof token === 'string' && { token }),
    ...(certificate !== undefined && {
      'client-certificate-data': base64(certificate),
      'client-key-data': base64(key),
    }),
  };
}

interface ExecCredential {
  apiVersion?: string;
  kind?: string;
  status?: Record<string, unknown>;
}

/** Undefined for what is no JSON object: the parser's message would hold a part of the credential. */
function parsed(answer: string): ExecCredential | undefined {
  try {
    return (JSON.parse(answer) as ExecCredential | null) ?? undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function run(config: ExecConfig, isInteractive: boolean, info: string): Promise<string> {
  const { command, args, env, installHint } = config;
  const given = Object.fromEntries(env.map(({ name, value }) => [name, value]));
  const child = spawn(command, args, {
    stdio: [isInteractive ? 'inherit' : 'ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...given, KUBERNETES_EXEC_INFO: info },
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [code, answer] = await Promise.all([ended, textOf(child.stdout!)]).catch((cause: unknown) => {
    const isGone = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const why = isGone ? `exec: executable ${command} not found` : `exec: ${messageOf(cause)}`;
    const hint = isGone && installHint !== '' ? { hint: installHint } : {};
    throw new OrreryError('CommandFailed', why, { cause, ...hint });
  });
  if (code !== 0)
    throw new OrreryError('CommandFailed', `exec: executable ${command} failed with exit code ${code}`);
  return answer;
}

function clusterInfo(cluster: Fields): Fields {
  const { server } = cluster;
  const data = cluster['certificate-authority-data'];
  return { server, ...(data !== undefined && { 'certificate-authority-data': data }) };
}
