import { BadRequest, NotFound, runCommand, writeFileAtomic } from '../../../base/index.ts';
import { parseJson } from '../media-types.ts';
import { readIfThere } from './registries-conf.ts';

export interface Credentials {
  username: string;
  password: string;
  /** Instead of a password: a token for the registry's token service. */
  identityToken?: string;
}

/** containers-auth.json(5) and Docker's config.json. */
interface AuthFile {
  auths?: Record<string, { auth?: string; identitytoken?: string }>;
  credHelpers?: Record<string, string>;
  credsStore?: string;
}

const DOCKER_HUB_KEYS = [
  'docker.io',
  'index.docker.io',
  'https://index.docker.io/v1/',
  'registry-1.docker.io',
];

/**
 * The credentials kept for a repository (`host/path`): the longest name that fits wins; the first file that knows
 * one. @throws BadRequest for a file that is damaged
 */
export async function findCredentials(
  files: readonly string[],
  repository: string,
): Promise<Credentials | undefined> {
  for (const file of files) {
    const content = await readAuthFile(file);
    for (const key of keysOf(repository)) {
      const helper = content.credHelpers?.[key];
      if (helper !== undefined) return await askHelper(helper, key);
      const entry = content.auths?.[key] ?? entryWithScheme(content, key);
      const found = entry === undefined ? undefined : decoded(entry, file);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function keysOf(repository: string): string[] {
  const parts = repository.split('/');
  const keys = parts.map((_part, i) => parts.slice(0, parts.length - i).join('/'));
  return DOCKER_HUB_KEYS.includes(parts[0]!) ? [...keys, ...DOCKER_HUB_KEYS] : keys;
}

/** Docker's old keys are addresses: `https://host/v1/`. */
function entryWithScheme(content: AuthFile, key: string): { auth?: string } | undefined {
  const found = Object.keys(content.auths ?? {}).find(
    (one) => one.replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '') === key,
  );
  return found === undefined ? undefined : content.auths?.[found];
}

function decoded(entry: { auth?: string; identitytoken?: string }, file: string): Credentials | undefined {
  const text = Buffer.from(entry.auth ?? '', 'base64').toString();
  const colon = text.indexOf(':');
  if (entry.identitytoken)
    return { username: text.slice(0, Math.max(colon, 0)), password: '', identityToken: entry.identitytoken };
  if (!entry.auth) return undefined;
  // Never the text itself: it is a secret.
  if (colon < 0) throw new BadRequest(`${file} holds credentials that are not in the form user:password`);
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') };
}

/** docker-credential-helpers' protocol: the address on standard input, JSON on standard output. */
async function askHelper(helper: string, key: string): Promise<Credentials> {
  if (!/^[\w.-]+$/.test(helper)) throw new BadRequest(`${helper} is not the name of a credential helper`);
  const { stdout } = await runCommand(`docker-credential-${helper}`, ['get'], { input: key });
  const answer = parseJson(stdout, `docker-credential-${helper}'s answer`) as Record<string, string>;
  const { Username = '', Secret = '' } = answer;
  return Username === '<token>'
    ? { username: '', password: '', identityToken: Secret }
    : { username: Username, password: Secret };
}

async function readAuthFile(file: string): Promise<AuthFile> {
  const text = await readIfThere(file);
  if (text === undefined || text.trim() === '') return {};
  const content = parseJson(text, file);
  if (typeof content !== 'object' || content === null) throw new BadRequest(`${file} is not a JSON object`);
  return content as AuthFile;
}

export async function keepCredentials(file: string, key: string, credentials: Credentials): Promise<void> {
  const content = await readAuthFile(file);
  const auth = Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64');
  await writeAuthFile(file, { ...content, auths: { ...content.auths, [key]: { auth } } });
}

/** @throws NotFound when there are none. */
export async function forgetCredentials(file: string, key: string): Promise<void> {
  const content = await readAuthFile(file);
  if (content.auths?.[key] === undefined) throw new NotFound(`not logged into ${key}`);
  const { [key]: _gone, ...auths } = content.auths;
  await writeAuthFile(file, { ...content, auths });
}

/** @returns the registries they were for. */
export async function forgetAllCredentials(file: string): Promise<string[]> {
  const content = await readAuthFile(file);
  const keys = Object.keys(content.auths ?? {});
  if (keys.length > 0) await writeAuthFile(file, { ...content, auths: {} });
  return keys;
}

async function writeAuthFile(file: string, content: AuthFile): Promise<void> {
  await writeFileAtomic(file, `${JSON.stringify(content, undefined, '\t')}`, { mode: 0o600 });
}
