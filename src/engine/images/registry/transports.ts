import { BadRequest } from '../../../base/index.ts';

/** A reference with the transport that containers-transports(5) has; `docker` is a registry. */
export type TransportReference =
  | { transport: 'docker' | 'containers-storage'; reference: string }
  | {
      transport: 'oci-archive' | 'docker-archive' | 'oci' | 'dir';
      path: string;
      /** The image inside, or the name it gets there. */
      name?: string;
    };

const REFUSED = /^(?:docker-daemon|ostree|sif|tarball|atomic|containers-storage\+[\w]+):/;

/** @throws BadRequest for a transport that is not supported, naming it. */
export function parseTransport(text: string): TransportReference {
  const refused = REFUSED.exec(text);
  if (refused !== null) throw new BadRequest(`the transport ${refused[0]} is not supported`);
  if (text.startsWith('docker://')) return { transport: 'docker', reference: text.slice(9) };
  if (text.startsWith('containers-storage:'))
    return {
      transport: 'containers-storage',
      reference: text.slice('containers-storage:'.length).replace(/^\[[^\]]*\]/, ''),
    };
  const [, transport, rest] = /^(oci-archive|docker-archive|oci|dir):(.*)$/s.exec(text) ?? [];
  if (transport === undefined) return { transport: 'docker', reference: text };
  if (rest === '') throw new BadRequest(`${text} names no path`);
  if (transport === 'dir') return { transport, path: rest! };
  const colon = rest!.indexOf(':');
  return {
    transport: transport as 'oci',
    path: colon < 0 ? rest! : rest!.slice(0, colon),
    ...(colon >= 0 && colon < rest!.length - 1 && { name: rest!.slice(colon + 1) }),
  };
}
