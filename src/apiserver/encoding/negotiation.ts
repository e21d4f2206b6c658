import { notAcceptable } from '../errors.ts';
import { PROTOBUF } from './protobuf-types.ts';

/** What an answer is written as; k8s.io/apiserver/pkg/endpoints/handlers/negotiation. */
export interface Encoding {
  format: 'json' | 'yaml' | 'protobuf';
  as: 'object' | 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';
}

export interface MediaRange {
  /** Lower case: `application/json`. */
  type: string;
  parameters: Readonly<Record<string, string>>;
}

export const PLAIN_JSON: Encoding = { format: 'json', as: 'object' };

const TRANSFORMS = new Set(['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList']);
/** What a 406 names. CBOR is not spoken: a client that prefers it gets the next it takes. */
const ACCEPTED = ['application/json', 'application/yaml'];

/** The ranges of an Accept header, best first; equal qualities keep their order. */
export function parseAccept(header: string): MediaRange[] {
  const ranges: { range: MediaRange; quality: number }[] = [];
  for (const part of header.split(',')) {
    const [type = '', ...rest] = part.split(';');
    const parameters: Record<string, string> = {};
    for (const parameter of rest) {
      const at = parameter.indexOf('=');
      if (at > 0) parameters[parameter.slice(0, at).trim().toLowerCase()] = parameter.slice(at + 1).trim();
    }
    const quality = parameters.q === undefined ? 1 : Number(parameters.q);
    if (type.trim() !== '' && quality > 0)
      ranges.push({ range: { type: type.trim().toLowerCase(), parameters }, quality });
  }
  return ranges.sort((a, b) => b.quality - a.quality).map(({ range }) => range);
}

/**
 * The first range we can write. `hasProtobuf` says whether the kind has a protobuf form, which custom resources have
 * not: of those a client that prefers protobuf and also takes JSON gets JSON. A Table has none; metadata always has.
 *
 * @throws OrreryError NotAcceptable (406) when nothing fits.
 */
export function negotiate(accept: string | undefined, hasProtobuf: boolean, hasTable = true): Encoding {
  if (accept === undefined || accept === '' || accept === '*/*' || accept === 'application/json')
    return PLAIN_JSON;
  for (const range of parseAccept(accept)) {
    const format = formatOf(range.type);
    if (format === undefined) continue;
    const as = range.parameters.as;
    const isProtobuf = format === 'protobuf';
    if (as === undefined) {
      if (!isProtobuf || hasProtobuf) return { format, as: 'object' };
      continue;
    }
    const { g, v } = range.parameters;
    if (!TRANSFORMS.has(as) || g !== 'meta.k8s.io' || v !== 'v1') continue;
    if (as === 'Table' ? !isProtobuf && hasTable : true) return { format, as: as as Encoding['as'] };
  }
  throw notAcceptable(hasProtobuf ? [...ACCEPTED, PROTOBUF] : ACCEPTED);
}

export function formatOf(type: string): Encoding['format'] | undefined {
  switch (type) {
    case '*/*':
    case 'application/*':
    case 'application/json':
      return 'json';
    case 'application/yaml':
    case 'application/x-yaml':
    case 'text/yaml':
      return 'yaml';
    case PROTOBUF:
      return 'protobuf';
    default:
      return undefined;
  }
}
