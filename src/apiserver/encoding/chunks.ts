/** A chunk of a stream: large enough to cost little a byte, small enough that many slow readers cost little memory. */
const CHUNK_BYTES = 128 * 1024;

/** Few chunks instead of many parts. What stands together, an event of a watch, stays together. */
export function* joined(groups: Iterable<readonly Uint8Array[]>): Generator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  for (const parts of groups) {
    for (const part of parts) {
      waiting.push(part);
      bytes += part.length;
    }
    if (bytes < CHUNK_BYTES) continue;
    yield Buffer.concat(waiting, bytes);
    waiting = [];
    bytes = 0;
  }
  if (waiting.length > 0) yield waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting, bytes);
}
