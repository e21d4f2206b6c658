import { lstat, readFile } from 'node:fs/promises';
import { BadRequest } from '../../base/index.ts';
import { resolveInRoot } from '../system/root-path.ts';

const MAX_ACCOUNTS_BYTES = 4 << 20;

export interface ProcessUser {
  uid: number;
  gid: number;
  additionalGids: number[];
  /** The home folder of its passwd line. */
  home: string | undefined;
}

interface Account {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

interface Group {
  name: string;
  gid: number;
  members: string[];
}

/**
 * `user[:group]`, names or numbers, as the image's own /etc/passwd and /etc/group know them. A number needs
 * no line there. Supplementary groups come from /etc/group unless a group was given (as in Docker).
 *
 * @throws BadRequest `unable to find user …: no matching entries in passwd file`
 */
export async function lookUpUser(
  text: string,
  root: string,
  supplemental: readonly number[],
  groupAdd: readonly string[] = [],
): Promise<ProcessUser> {
  const accounts = parsePasswd(await readInRoot(root, '/etc/passwd'));
  const groups = parseGroup(await readInRoot(root, '/etc/group'));
  const [userText = '', groupText] = text.split(':', 2);
  const wanted = userText === '' ? '0' : userText;
  const account =
    accounts.find((one) => one.name === wanted) ?? accounts.find((one) => String(one.uid) === wanted);
  const uid = account?.uid ?? asId(wanted);
  if (uid === undefined)
    throw new BadRequest(`unable to find user ${wanted}: no matching entries in passwd file`);
  let gid = account?.gid ?? 0;
  let additional: number[] = [];
  if (groupText !== undefined && groupText !== '') {
    const group = groups.find((one) => one.name === groupText)?.gid ?? asId(groupText);
    if (group === undefined)
      throw new BadRequest(`unable to find group ${groupText}: no matching entries in group file`);
    gid = group;
  } else if (account !== undefined)
    additional = groups
      .filter((one) => one.members.includes(account.name) && one.gid !== gid)
      .map((one) => one.gid);
  for (const name of groupAdd) {
    const added = groups.find((one) => one.name === name)?.gid ?? asId(name);
    if (added === undefined)
      throw new BadRequest(`unable to find group ${name}: no matching entries in group file`);
    additional.push(added);
  }
  return {
    uid,
    gid,
    additionalGids: [...new Set([...additional, ...supplemental])],
    home: account?.home,
  };
}

function asId(text: string): number | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  const id = Number(text);
  return id <= 0x7fffffff ? id : undefined;
}

function parsePasswd(text: string): Account[] {
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid, , home] = line.split(':');
    if (name === undefined || asId(uid ?? '') === undefined || asId(gid ?? '') === undefined) return [];
    return [{ name, uid: Number(uid), gid: Number(gid), home: home ?? '' }];
  });
}

function parseGroup(text: string): Group[] {
  return text.split('\n').flatMap((line) => {
    const [name, , gid, members] = line.split(':');
    if (name === undefined || asId(gid ?? '') === undefined) return [];
    return [{ name, gid: Number(gid), members: (members ?? '').split(',').filter((one) => one !== '') }];
  });
}

/** The image may make /etc/passwd a symlink to anywhere: it is followed inside the image only. */
async function readInRoot(root: string, path: string): Promise<string> {
  try {
    const found = await resolveInRoot(root, path, { followLast: true });
    const info = await lstat(found);
    // A pipe would never be at its end, nor a device: the image says what these files are.
    if (!info.isFile()) return '';
    if (info.size > MAX_ACCOUNTS_BYTES)
      throw new BadRequest(`${path} of the image is larger than ${MAX_ACCOUNTS_BYTES} bytes`);
    return await readFile(found, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}
