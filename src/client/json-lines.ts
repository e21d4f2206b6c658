/**
 * The JSON values of a stream of newline-separated documents (a watch), as they arrive. A line that spans
 * many chunks is joined once, at its end. A part line at the end of the stream is dropped: the connection
 * broke inside it and the watcher starts again from its last revision.
 *
 * @throws SyntaxError when a whole line is no JSON.
 */
export async function* decodeJsonLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<unknown> {
  let pending: Uint8Array[] = [];
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      const line = chunk.subarray(start, end);
      start = end + 1;
      const text = pending.length === 0 ? textOf(line) : Buffer.concat([...pending, line]).toString('utf8');
      pending = [];
      if (text.length > 0 && text !== '\r') yield JSON.parse(text);
    }
    if (start < chunk.length) pending.push(start === 0 ? chunk : chunk.subarray(start));
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
