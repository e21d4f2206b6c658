import { BadRequest, NotFound, OrreryError } from '../../../base/index.ts';
import type { RegistryAccess } from '../../engine.ts';
import { forgetAllCredentials, forgetCredentials, keepCredentials } from './auth-file.ts';
import { readRegistriesConf, sourcesOf } from './registries-conf.ts';
import { RegistryClient, RegistryRefused } from './registry-client.ts';

/** Keeps credentials after the registry has taken them. @throws OrreryError RegistryUnauthorized */
export async function login(
  registry: string,
  credentials: { username: string; password: string },
  options: RegistryAccess,
): Promise<void> {
  const file = authFileOf(options);
  const key = registryKey(registry);
  const [host] = key.split('/');
  const conf = await readRegistriesConf(options.registriesConf);
  const { insecure } = sourcesOf(conf, `${host}/any`, true).at(-1)!;
  const client = new RegistryClient({
    host: host!,
    access: { ...options, credentials },
    insecure,
    retries: 1,
  });
  try {
    (await client.send({ method: 'GET', path: '' })).destroy();
  } catch (error) {
    if (error instanceof RegistryRefused && error.status === 401)
      throw new OrreryError(
        'RegistryUnauthorized',
        `logging into ${JSON.stringify(key)}: invalid username/password`,
        { cause: error },
      );
    if (error instanceof OrreryError)
      throw new OrreryError(
        'RegistryLoginFailed',
        `authenticating creds for ${JSON.stringify(key)}: ${error.message}`,
        { cause: error },
      );
    throw error;
  } finally {
    await client.close();
  }
  await keepCredentials(file, key, credentials);
}

/** @returns whom we are not logged into any more. @throws NotFound */
export async function logout(registry: string | undefined, options: RegistryAccess): Promise<string[]> {
  const file = authFileOf(options);
  if (registry === undefined) return await forgetAllCredentials(file);
  const key = registryKey(registry);
  try {
    await forgetCredentials(file, key);
  } catch (error) {
    if (error instanceof NotFound) throw new NotFound(`not logged into ${key}`, { cause: error });
    throw error;
  }
  return [key];
}

/** `https://host/v2/` is written too; what is kept is `host` or `host/path`. */
export function registryKey(text: string): string {
  const key = text.replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '');
  if (!/^[\w.-]+(?::\d+)?(?:\/[\w.-]+)*$/.test(key))
    throw new BadRequest(`${JSON.stringify(text)} is not a registry's name`);
  return key;
}

function authFileOf(options: RegistryAccess): string {
  if (options.authFile === undefined) throw new BadRequest('no file is named in which credentials are kept');
  return options.authFile;
}
