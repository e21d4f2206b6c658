/** Writes protobuf's wire format: https://protobuf.dev/programming-guides/encoding/ */
export class ProtobufWriter {
  /** Chunks of the messages that are open, outermost first, and how long each is so far. */
  readonly #open: { chunks: Uint8Array[]; length: number }[] = [{ chunks: [], length: 0 }];

  /** Nothing for anything but a non-empty string: proto3 omits zero values. */
  string(field: number, value: unknown): void {
    if (typeof value === 'string' && value !== '') this.#bytes(field, Buffer.from(value));
  }

  bool(field: number, value: unknown): void {
    if (value === true) this.#push(Uint8Array.from([...varint(field << 3), 1]));
  }

  /** What `write` writes becomes a message; an empty one is written too, for it says that the field is there. */
  message(field: number, write: () => void): void {
    this.#open.push({ chunks: [], length: 0 });
    write();
    const { chunks, length } = this.#open.pop()!;
    this.#push(Uint8Array.from([...varint((field << 3) | 2), ...varint(length)]));
    for (const chunk of chunks) this.#push(chunk);
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#open[0]!.chunks);
  }

  #bytes(field: number, bytes: Uint8Array): void {
    this.#push(Uint8Array.from([...varint((field << 3) | 2), ...varint(bytes.length)]));
    this.#push(bytes);
  }

  #push(chunk: Uint8Array): void {
    const top = this.#open.at(-1)!;
    top.chunks.push(chunk);
    top.length += chunk.length;
  }
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  bytes.push(rest);
  return bytes;
}
