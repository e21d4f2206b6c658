const BYTES = 2;
const FIRST_BYTES = 1024;

/**
 * A protobuf message written from its end to its beginning: when a message's length has to be written, its content
 * already stands, so nothing is measured twice. Whoever uses it writes the last field first.
 *
 * Source: https://protobuf.dev/programming-guides/encoding/
 */
export class ProtobufWriter {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #at = FIRST_BYTES;

  /** Bytes written so far; the difference of two is the length of what was written between them. */
  get length(): number {
    return this.#buffer.length - this.#at;
  }

  /** What has been written. The writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.#buffer.subarray(this.#at);
  }

  /** Before (that is, after writing) a message that began at `length`: its length and its tag. */
  endMessage(field: number, since: number): void {
    this.varint(this.length - since);
    this.varint(field * 8 + BYTES);
  }

  tag(field: number, wireType: number): void {
    this.varint(field * 8 + wireType);
  }

  text(value: string): void {
    // A loop beats the call for the short ASCII that most of an object is.
    if (value.length <= 48 && this.#ascii(value)) return;
    const length = Buffer.byteLength(value);
    this.#reserve(length);
    this.#at -= length;
    this.#buffer.write(value, this.#at, length, 'utf8');
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#at -= value.length;
    this.#buffer.set(value, this.#at);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#at -= 8;
    this.#buffer.writeDoubleLE(value, this.#at);
  }

  /** A negative number is its two's complement of 64 bits, as int32 and int64 have it. */
  varint(value: number): void {
    this.#reserve(10);
    if (value >= 0 && value < 128) {
      this.#buffer[--this.#at] = value;
      return;
    }
    if (value < 0 || value > Number.MAX_SAFE_INTEGER) {
      this.#bigVarint(BigInt.asUintN(64, BigInt(value)));
      return;
    }
    let size = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
    this.#at -= size;
    let rest = value;
    for (let index = 0; index < size - 1; index++) {
      this.#buffer[this.#at + index] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[this.#at + size - 1] = rest;
  }

  #bigVarint(value: bigint): void {
    const septets: number[] = [];
    for (let rest = value; rest > 0n; rest >>= 7n) septets.push(Number(rest & 0x7fn));
    this.#at -= septets.length;
    for (const [index, septet] of septets.entries())
      this.#buffer[this.#at + index] = index === septets.length - 1 ? septet : septet + 128;
  }

  #ascii(value: string): boolean {
    this.#reserve(value.length);
    const start = this.#at - value.length;
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index);
      if (code > 127) return false;
      this.#buffer[start + index] = code;
    }
    this.#at = start;
    return true;
  }

  #reserve(bytes: number): void {
    if (this.#at >= bytes) return;
    const used = this.length;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, used + bytes));
    this.#buffer.copy(larger, larger.length - used, this.#at);
    this.#at = larger.length - used;
    this.#buffer = larger;
  }
}
