/** One element of DER (ITU-T X.690): its tag, content, and the bytes of the whole. */
export interface DerElement {
  tag: number;
  content: Uint8Array;
  whole: Uint8Array;
}

export const TAG_BIT_STRING = 0x03;
export const TAG_OBJECT_IDENTIFIER = 0x06;
export const TAG_SEQUENCE = 0x30;

/** The elements that stand one after another in `bytes`. @throws RangeError when they are cut short or indefinite. */
export function derElements(bytes: Uint8Array): DerElement[] {
  const elements: DerElement[] = [];
  let at = 0;
  while (at < bytes.length) {
    const element = elementAt(bytes, at);
    elements.push(element);
    at += element.whole.length;
  }
  return elements;
}

function elementAt(bytes: Uint8Array, start: number): DerElement {
  const [tag, first] = [bytes[start]!, bytes[start + 1]];
  if (first === undefined || (tag & 0x1f) === 0x1f) throw new RangeError('malformed DER');
  let length = first;
  let from = start + 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw new RangeError('malformed DER length');
    length = bytes.subarray(from, from + count).reduce((sum, byte) => sum * 256 + byte, 0);
    from += count;
  }
  const end = from + length;
  if (end > bytes.length) throw new RangeError('truncated DER');
  return { tag, content: bytes.subarray(from, end), whole: bytes.subarray(start, end) };
}

/** `1.2.840.113549`. */
export function derObjectIdentifier(content: Uint8Array): string {
  const arcs: number[] = [];
  let value = 0;
  for (const byte of content) {
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      arcs.push(value);
      value = 0;
    }
  }
  const [head = 0, ...rest] = arcs;
  const first = Math.min(Math.floor(head / 40), 2);
  return [first, head - first * 40, ...rest].join('.');
}
