import { BadRequest } from '../../base/index.ts';

/** One field of a protobuf message as it lies on the wire. */
export interface WireField {
  number: number;
  /** A varint (signed, 64 bits), or eight or four bytes, or a length-delimited run of them. */
  value: bigint | Uint8Array;
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/**
 * The fields of a message in their order. Source: https://protobuf.dev/programming-guides/encoding/
 *
 * @throws BadRequest when the bytes are no message.
 */
export function* readFields(message: Uint8Array): Generator<WireField> {
  const cursor = new Cursor(message);
  while (!cursor.atEnd) {
    const tag = Number(cursor.varint());
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case VARINT:
        yield { number, value: BigInt.asIntN(64, cursor.varint()) };
        break;
      case FIXED64:
        yield { number, value: cursor.take(8) };
        break;
      case BYTES:
        yield { number, value: cursor.take(Number(cursor.varint())) };
        break;
      case FIXED32:
        yield { number, value: cursor.take(4) };
        break;
      default:
        throw malformed(`wire type ${tag % 8}`);
    }
  }
}

class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw malformed('unexpected EOF');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw malformed('integer overflow');
  }

  take(length: number): Uint8Array {
    const end = this.#at + length;
    if (!(length >= 0) || end > this.#bytes.length) throw malformed('unexpected EOF');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

export function malformed(what: string): BadRequest {
  return new BadRequest(`the object provided is unrecognized: proto: ${what}`);
}
