import type { TLSSocket } from 'node:tls';
import { HttpFailure } from './http-failure.ts';

const ADMIN_GROUP = 'system:masters';

/**
 * Only who holds a certificate of our CA in group system:masters (the API server does) may speak with a
 * node, for any path.
 *
 * @throws HttpFailure 401 without such a certificate, 403 for another group.
 */
export function authorizeClient(socket: TLSSocket): void {
  if (!socket.authorized) throw new HttpFailure(401, 'Unauthorized');
  const subject = socket.getPeerCertificate().subject as { CN?: string; O?: string | string[] } | undefined;
  const groups = [subject?.O ?? []].flat();
  if (!groups.includes(ADMIN_GROUP))
    throw new HttpFailure(403, `Forbidden (user=${subject?.CN ?? ''}, verb=proxy, resource=nodes)`);
}
