import type { IncomingMessage } from 'node:http';
import { pipeline, type Readable, Transform } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';

/** Where a page names other pages; k8s.io/apimachinery/pkg/util/proxy atomsToAttrs. */
const LINKS: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['src', 'poster'],
};
/** Elements whose content is text, whatever it looks like. */
const RAW_TEXT = new Set(['iframe', 'noembed', 'noframes', 'script', 'style', 'textarea', 'title', 'xmp']);
/** A tag that is longer is passed on as it is. */
const TAG_LIMIT = 64 * 1024;

/**
 * The page in an answer with its links rewritten, uncompressed; undefined for what is no page, or in an encoding
 * that is not understood. Source: k8s.io/apimachinery/pkg/util/proxy Transport.rewriteResponse.
 */
export function pageWithLinks(
  response: IncomingMessage,
  rewrite: (link: string) => string,
): Readable | undefined {
  const type = (response.headers['content-type'] ?? '').split(';')[0]!.trim();
  if (type !== 'text/html') return undefined;
  // What breaks off is the reader's to see: the pipeline ends the page with its error.
  const ended = () => undefined;
  const links = htmlLinks(rewrite);
  switch (response.headers['content-encoding']) {
    case undefined:
    case '':
    case 'identity':
      return pipeline(response, links, ended);
    case 'gzip':
      return pipeline(response, createGunzip(), links, ended);
    case 'deflate':
      return pipeline(response, createInflate(), links, ended);
    default:
      return undefined;
  }
}

/** Bytes are taken as Latin-1: what is no link stays as it is. */
function htmlLinks(rewrite: (link: string) => string): Transform {
  const rewriter = new LinkRewriter(rewrite);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, Buffer.from(rewriter.push(chunk.toString('latin1')), 'latin1'));
    },
    flush(done) {
      done(null, Buffer.from(rewriter.end(), 'latin1'));
    },
  });
}

export class LinkRewriter {
  readonly #rewrite: (link: string) => string;
  #pending = '';
  /** The element in whose text we are. */
  #raw: string | undefined;

  constructor(rewrite: (link: string) => string) {
    this.#rewrite = rewrite;
  }

  /** What is sure of the page so far; a tag that has not ended is kept. */
  push(text: string): string {
    const page = this.#pending + text;
    let out = '';
    let at = 0;
    for (;;) {
      const start = page.indexOf('<', at);
      if (start === -1) {
        this.#pending = '';
        return out + page.slice(at);
      }
      const end = this.#endOf(page, start);
      if (end === -1) {
        const isLong = page.length - start > TAG_LIMIT;
        this.#pending = isLong ? '' : page.slice(start);
        return out + page.slice(at, isLong ? undefined : start);
      }
      out += page.slice(at, start) + this.#tag(page.slice(start, end));
      at = end;
    }
  }

  end(): string {
    const rest = this.#pending;
    this.#pending = '';
    return rest;
  }

  /** Behind the tag or comment that begins at `start`; -1 when that has not come yet. */
  #endOf(page: string, start: number): number {
    if (this.#raw === undefined && page.startsWith('<!--', start)) {
      const end = page.indexOf('-->', start + 4);
      return end === -1 ? -1 : end + 3;
    }
    let quote = '';
    for (let i = start + 1; i < page.length; i++) {
      const character = page[i]!;
      if (quote !== '') {
        if (character === quote) quote = '';
      } else if (character === '>') return i + 1;
      // In text, a lone bracket begins nothing.
      else if (this.#raw !== undefined && character === '<') return i;
      else if (this.#raw === undefined && (character === '"' || character === "'") && page[i - 1] === '=')
        quote = character;
    }
    return -1;
  }

  #tag(tag: string): string {
    const name = /^<\/?([a-z][a-z0-9]*)/i.exec(tag)?.[1]?.toLowerCase();
    if (this.#raw !== undefined) {
      if (tag.startsWith('</') && name === this.#raw) this.#raw = undefined;
      return tag;
    }
    if (name === undefined || tag.startsWith('</')) return tag;
    if (RAW_TEXT.has(name)) this.#raw = name;
    const attributes = LINKS[name];
    if (attributes === undefined) return tag;
    return tag.replaceAll(
      /([\s"'])([a-z][-a-z0-9_:.]*)=(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/gi,
      (whole, before: string, attribute: string, ...values: (string | undefined)[]) => {
        if (!attributes.includes(attribute.toLowerCase())) return whole;
        const link = values.slice(0, 3).find((one) => one !== undefined) ?? '';
        return `${before}${attribute}="${this.#rewrite(link).replaceAll('"', '&#34;')}"`;
      },
    );
  }
}
