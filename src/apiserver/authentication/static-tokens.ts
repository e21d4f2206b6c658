import { createHash, timingSafeEqual } from 'node:crypto';
import { BadRequest } from '../../base/index.ts';
import type { User } from '../http/messages.ts';
import type { TokenAuthenticator } from './authenticator.ts';

/**
 * A fixed list of tokens. Only digests are kept, and every one is compared in constant time, so that neither
 * memory dumps nor timing tell a token.
 */
export class StaticTokenAuthenticator implements TokenAuthenticator {
  readonly #entries: readonly { digest: Buffer; user: User }[];

  constructor(entries: readonly { token: string; user: User }[]) {
    this.#entries = entries.map(({ token, user }) => ({ digest: digestOf(token), user }));
  }

  async authenticate(token: string): Promise<User | undefined> {
    const digest = digestOf(token);
    let found: User | undefined;
    for (const entry of this.#entries) if (timingSafeEqual(entry.digest, digest)) found = entry.user;
    return found;
  }
}

/**
 * kube-apiserver's `--token-auth-file`: `token,user,uid[,"group1,group2"]` a line; `#` begins a comment.
 *
 * @throws BadRequest with the number of the first bad line.
 */
export function parseTokenFile(text: string): { token: string; user: User }[] {
  const entries: { token: string; user: User }[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
    const fields = [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map((match) =>
      match[1]!.trim().replace(/^"(.*)"$/, '$1'),
    );
    const [token, name, uid, groups] = fields;
    const columns = line.replace(/"(?:[^"]|"")*"/g, '').split(',').length;
    if (!token || !name || columns < 3)
      throw new BadRequest(`line ${index + 1} must be token,user,uid[,"group1,group2"]`, {
        details: { line: index + 1 },
      });
    const user: User = { name, groups: groups ? groups.split(',').map((group) => group.trim()) : [] };
    entries.push({ token, user: uid ? { ...user, uid } : user });
  }
  return entries;
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
