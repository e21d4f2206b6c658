import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BadRequest } from '../../../base/index.ts';
import type { RegistryAccess } from '../../../engine/index.ts';
import { type Flag, type FlagValues, flag } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';

/** Flags of every command that speaks to a registry. */
export const registryFlags: readonly Flag[] = [
  flag(
    'string',
    'authfile',
    'Path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to override',
    {
      tools: ['podman'],
    },
  ),
  flag('string', 'cert-dir', 'Path of a directory containing TLS certificates and keys', {
    tools: ['podman'],
  }),
  flag('string', 'creds', 'Credentials (USERNAME:PASSWORD) to use for authenticating to a registry', {
    tools: ['podman'],
  }),
  flag('bool', 'tls-verify', 'Require HTTPS and verify certificates when contacting registries', {
    default: true,
    tools: ['podman'],
  }),
  flag('string', 'signature-policy', 'Path of a signature-policy file', { hidden: true, tools: ['podman'] }),
  flag('bool', 'disable-content-trust', 'Skip image verification: a no-op', {
    default: true,
    tools: ['docker'],
  }),
];

type Caller = Pick<ToolContext, 'environment' | 'program'>;

/** How to come to registries: from flags, the environment and the host's files, in Podman's places. */
export function registryAccess(context: Caller, flags?: FlagValues): RegistryAccess {
  const given = (name: string) => (flags?.has(name) ? flags.string(name) : undefined);
  const creds = given('creds');
  const certDir = given('cert-dir');
  const policy = given('signature-policy') ?? firstThere(configFiles(context, 'policy.json'));
  const registriesConf = registriesConfOf(context);
  return {
    authFile: given('authfile') ?? authFileOf(context),
    ...(given('authfile') === undefined && { fallbackAuthFiles: [dockerConfigOf(context)] }),
    certificateFolders: [...configFiles(context, 'certs.d'), '/etc/docker/certs.d'],
    ...(certDir !== undefined && { certDir }),
    ...(creds !== undefined && { credentials: credentialsOf(creds) }),
    ...(flags?.has('tls-verify') && flags.changed('tls-verify') && { tlsVerify: flags.bool('tls-verify') }),
    ...(registriesConf !== undefined && { registriesConf }),
    ...(policy !== undefined && { signaturePolicy: policy }),
    ...(context.program === 'docker' && { defaultDomain: 'docker.io' }),
  };
}

/** Where `login` keeps credentials: containers' auth.json, or Docker's config.json under its name. */
function authFileOf(context: Caller): string {
  const { environment } = context;
  if (environment.REGISTRY_AUTH_FILE) return environment.REGISTRY_AUTH_FILE;
  if (context.program === 'docker') return dockerConfigOf(context);
  const uid = environment._ORRERY_ROOTLESS_UID ?? String(process.getuid?.() ?? 0);
  if (environment.XDG_RUNTIME_DIR) return join(environment.XDG_RUNTIME_DIR, 'containers/auth.json');
  return `/run/containers/${uid}/auth.json`;
}

function dockerConfigOf({ environment }: Caller): string {
  return join(environment.DOCKER_CONFIG ?? join(environment.HOME ?? '/root', '.docker'), 'config.json');
}

function registriesConfOf(context: Caller): string | undefined {
  return (
    context.environment.CONTAINERS_REGISTRIES_CONF ?? firstThere(configFiles(context, 'registries.conf'))
  );
}

/** The user's own, then the host's. */
export function configFiles({ environment }: Pick<Caller, 'environment'>, name: string): string[] {
  const own = environment.XDG_CONFIG_HOME ?? (environment.HOME && join(environment.HOME, '.config'));
  return [...(own ? [join(own, 'containers', name)] : []), `/etc/containers/${name}`];
}

function firstThere(files: readonly string[]): string | undefined {
  return files.find((file) => existsSync(file));
}

function credentialsOf(text: string): { username: string; password: string } {
  const colon = text.indexOf(':');
  // Never the text: it may be a password.
  if (colon <= 0) throw new BadRequest('--creds is not USERNAME:PASSWORD');
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}
