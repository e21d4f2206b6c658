import type { Readable } from 'node:stream';
import { BadRequest } from '../../../base/index.ts';

/** `[CONTAINER:]PATH`; what begins with a dot or slash is a path, whatever colons are in it. */
export function parseCopyPath(text: string): { container?: string; path: string } {
  const colon = text.indexOf(':');
  if (/^[./]/.test(text) || colon < 0) return { path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) };
}

/** The name of each entry below another name: `old/a` → `new/a`; without a new one `a` alone. */
export function rebase(name: string, base: string): string {
  const [, ...rest] = name.replace(/^(?:\.?\/)+/, '').split('/');
  return [base, ...rest].filter((part, i) => part !== '' || i > 0).join('/');
}

/** A tar whose entries have other names. Links to entries of the same tar follow. */
export async function renamed(tar: Readable, base: string): Promise<Readable> {
  const { extract, pack } = await import('tar-stream');
  const { Readable: NodeReadable } = await import('node:stream');
  const entries = extract();
  const output = pack();
  const isHardLink = (type: string | null | undefined) => type === 'link';
  entries.on('entry', (header, body, next) => {
    const name = rebase(header.name, base);
    if (name === '' || name === '/') {
      body.resume();
      body.on('end', next);
      return;
    }
    const linkname = isHardLink(header.type) ? rebase(header.linkname ?? '', base) : header.linkname;
    const entry = output.entry({ ...header, name, ...(linkname != null && { linkname }) }, next);
    body.pipe(entry);
  });
  entries.on('finish', () => output.finalize());
  entries.on('error', (error) => output.destroy(error));
  tar.on('error', (error) => output.destroy(error));
  tar.pipe(entries as unknown as NodeJS.WritableStream);
  return NodeReadable.from(output);
}

/** @throws BadRequest when it does not begin as a tar, compressed or not, does */
export function checkTar(start: Buffer): void {
  const isTar = start.length >= 262 && start.toString('latin1', 257, 262) === 'ustar';
  const isCompressed =
    start.subarray(0, 2).equals(Buffer.from([0x1f, 0x8b])) ||
    start.subarray(0, 4).equals(Buffer.from([0x28, 0xb5, 0x2f, 0xfd])) ||
    start.subarray(0, 3).toString('latin1') === 'BZh' ||
    start.subarray(0, 6).equals(Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]));
  if (!isTar && !isCompressed)
    throw new BadRequest('source must be a (compressed) tar archive when copying from stdin');
}
