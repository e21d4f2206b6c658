const LENGTH_DELIMITED = 2;

/** Writes protobuf's wire format into one growing buffer: https://protobuf.dev/programming-guides/encoding/ */
export class ProtobufWriter {
  #buffer = Buffer.allocUnsafe(64 * 1024);
  #length = 0;

  /** Nothing for anything but a non-empty string: proto3 omits zero values. */
  string(field: number, value: unknown): void {
    if (typeof value !== 'string' || value === '') return;
    this.#varint((field << 3) | LENGTH_DELIMITED);
    const bytes = Buffer.byteLength(value);
    this.#varint(bytes);
    this.#reserve(bytes);
    this.#length += this.#buffer.write(value, this.#length);
  }

  bool(field: number, value: unknown): void {
    if (value !== true) return;
    this.#varint(field << 3);
    this.#varint(1);
  }

  /** What `write` writes becomes a message; an empty one is written too, for it says that the field is there. */
  message(field: number, write: () => void): void {
    this.#varint((field << 3) | LENGTH_DELIMITED);
    const start = this.#length;
    write();
    // Its length goes before it and is known only now.
    const bytes = this.#length - start;
    const shift = varintSize(bytes);
    this.#reserve(shift);
    this.#buffer.copyWithin(start + shift, start, this.#length);
    this.#length = start;
    this.#varint(bytes);
    this.#length += bytes;
  }

  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  #varint(value: number): void {
    this.#reserve(5);
    let rest = value;
    while (rest > 127) {
      this.#buffer[this.#length++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.#buffer[this.#length++] = rest;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 127; rest >>>= 7) size++;
  return size;
}
