import { appendFile, chmod, lstat, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OrreryError } from '../../base/index.ts';
import { type ContainerMount, resolveInRoot, rootlessFacts } from '../../engine/index.ts';
import type { Container } from './stored-container.ts';

/** What `--user` names: `1234`, `1234:56`, `name:group`. */
interface AskedUser {
  user: string;
  group?: string;
}

/**
 * The line of a user that is given as a number and that /etc/passwd does not have: a process of it finds its own
 * name and home. `entry` is the caller's (`--passwd-entry`), with Podman's words for what is only known here.
 */
export function passwdLine(
  asked: AskedUser,
  files: { passwd: string; group: string; home: string; entry?: string },
): string {
  const { user, group } = asked;
  if (!/^\d+$/.test(user) || hasId(files.passwd, user)) return '';
  const gid = group === undefined ? '0' : /^\d+$/.test(group) ? group : (idOf(files.group, group) ?? '0');
  if (files.entry === undefined) return `${user}:*:${user}:${gid}:container user:${files.home}:/bin/sh\n`;
  const words: Record<string, string> = {
    ...{ $USERNAME: user, $UID: user, $GID: gid, $NAME: 'container user', $HOME: files.home },
  };
  return `${files.entry.replace(/\$(?:USERNAME|UID|GID|NAME|HOME)/g, (word) => words[word]!)}\n`;
}

/** The line of a group that is given as a number, or of the user's own, and that /etc/group does not have. */
export function groupLine({ user, group }: AskedUser, text: string): string {
  const id = group ?? user;
  return !/^\d+$/.test(id) || hasId(text, id) ? '' : `${id}:x:${id}:${user}\n`;
}

/** Names count too, as in Podman: a user may be called `1234`. */
function hasId(text: string, id: string): boolean {
  return text.split('\n').some((line) => {
    const [name, , number] = line.split(':');
    return name === id || number === id;
  });
}

function idOf(text: string, name: string): string | undefined {
  return text
    .split('\n')
    .find((line) => line.startsWith(`${name}:`))
    ?.split(':')[2];
}

/**
 * Adds what is missing to the container's own /etc/passwd and /etc/group. A root that is read-only keeps its files:
 * copies are bound over them.
 * @returns also the home that such a copy gives the process: `HOME=…`
 */
export async function completeAccounts(
  { stored }: Container,
  root: string,
  folder: string,
): Promise<{ accounts: ContainerMount[]; home: string[] }> {
  const podman = stored.options.Podman ?? {};
  const { User: text = '', WorkingDir: home = '/' } = stored.config;
  const hostUsers = podman.HostUsers ?? [];
  if (podman.Passwd === false || (text === '' && hostUsers.length === 0)) return NOTHING;
  const [user = '', group] = text.split(':', 2);
  const asked = { user, ...(group ? { group } : {}) };
  const [passwd, groups] = await Promise.all([readIn(root, '/etc/passwd'), readIn(root, '/etc/group')]);
  if (passwd === undefined || groups === undefined) return NOTHING;
  const own = await keptAccount(stored.hostConfig.UsernsMode);
  const entry = podman.PasswdEntry ?? own?.entry;
  const places = stored.mounts.map(({ destination }) => destination);
  const homeOf = (one: string) => (isMountedAt(one, places) ? one : home || '/');
  const others = hostUsers.length === 0 ? '' : hostLines(hostUsers, passwd, await accountsOfHost(), homeOf);
  const facts = {
    ...{ passwd: ended(passwd) + others, group: groups },
    home: own === undefined ? home || '/' : homeOf(own.home),
    ...(entry ? { entry } : {}),
  };
  const ownLine = passwdLine(asked, facts);
  const lines = {
    passwd: { before: passwd, line: others + ownLine },
    group: { before: groups, line: groupLine(asked, groups) },
  };
  const mounts: ContainerMount[] = [];
  for (const [name, { before, line }] of Object.entries(lines)) {
    const destination = `/etc/${name}`;
    if (line === '' || stored.mounts.some((one) => one.destination === destination)) continue;
    const added = ended(before).slice(before.length) + line;
    if (stored.hostConfig.ReadonlyRootfs !== true) await addTo(root, destination, added);
    else mounts.push(await bound(join(folder, name), destination, `${before}${added}`));
  }
  const isBound = ownLine !== '' && mounts.some((one) => one.destination === '/etc/passwd');
  return { accounts: mounts, home: isBound ? [`HOME=${facts.home}`] : [] };
}

/** Who keeps their number inside keeps their name too: the host's line, with the container's home or one that is mounted. */
async function keptAccount(mode = ''): Promise<{ entry: string; home: string } | undefined> {
  if (!/^keep-id(?::|$)/.test(mode)) return undefined;
  const { uid } = rootlessFacts();
  const own = (await accountsOfHost()).find((fields) => fields[2] === String(uid));
  return own && { entry: `${own[0]}:*:$UID:$GID:${own[4]}:$HOME:/bin/sh`, home: own[5] ?? '' };
}

async function accountsOfHost(): Promise<string[][]> {
  return (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
}

/**
 * The lines of users of the host (`--hostuser`: names or ids) that the container's /etc/passwd does not have.
 * @throws OrreryError ContainerStartFailed with Podman's exit code for one that the host does not have
 */
export function hostLines(
  wanted: readonly string[],
  passwd: string,
  accounts: readonly string[][],
  homeOf: (home: string) => string,
): string {
  return wanted
    .map((one) => {
      const found = accounts.find(([name, , uid]) => name === one || uid === one);
      if (found === undefined)
        throw new OrreryError('ContainerStartFailed', `user: unknown user ${one}`, {
          details: { exitCode: 126 },
        });
      const [name = '', , uid = '', gid, gecos, home = ''] = found;
      if (hasId(passwd, name) || hasId(passwd, uid)) return '';
      return `${name}:*:${uid}:${gid}:${gecos}:${homeOf(home)}:/bin/sh\n`;
    })
    .join('');
}

function ended(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

/** Whether a mount is at the folder or at one above it. */
function isMountedAt(folder: string, places: readonly string[]): boolean {
  return places.some((place) => place !== '/' && `${folder}/`.startsWith(`${place.replace(/\/+$/, '')}/`));
}

const NOTHING = { accounts: [], home: [] };

async function bound(source: string, destination: string, content: string): Promise<ContainerMount> {
  await writeFile(source, content, { mode: 0o644 });
  await chmod(source, 0o644);
  return { type: 'bind', source, destination, options: ['bind', 'rprivate', 'rw'] };
}

async function addTo(root: string, path: string, text: string): Promise<void> {
  await mkdir(await resolveInRoot(root, '/etc', { followLast: true }), { recursive: true, mode: 0o755 });
  await appendFile(await resolveInRoot(root, path, { followLast: true }), text, { mode: 0o644 });
}

/** '' when there is none; undefined for what is no file: that stays as it is. */
async function readIn(root: string, path: string): Promise<string | undefined> {
  const found = await resolveInRoot(root, path, { followLast: true });
  const info = await lstat(found).catch(isAbsent);
  if (info === undefined) return '';
  return info.isFile() ? await readFile(found, 'utf8') : undefined;
}

/** /etc/mtab leads to what the kernel says, where the image has none (mount(8), "Files"). */
export async function linkMountTable({ stored }: Container, root: string): Promise<void> {
  if (stored.mounts.some(({ destination }) => destination === '/etc' || destination === '/etc/mtab')) return;
  const etc = await resolveInRoot(root, '/etc', { followLast: true });
  await mkdir(etc, { recursive: true, mode: 0o755 });
  try {
    await symlink('/proc/mounts', join(etc, 'mtab'));
  } catch (error) {
    // A root of the caller's own may be read-only: then it has what it has.
    if (!['EEXIST', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

function isAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
  return undefined;
}
