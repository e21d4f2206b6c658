const METADATA = Buffer.from('"metadata":{');
const LABELS = Buffer.from('labels');
const QUOTE = 34;
const COMMA = 44;
const BACKSLASH = 92;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/**
 * `metadata.labels` of a stored object, without parsing the rest of it: a list by label looks at every object and
 * keeps few. Undefined when the object has none.
 *
 * Relies on what ObjectStorage writes: JSON without white space, `kind`, `apiVersion` and then `metadata` first.
 */
export function storedLabels(bytes: Uint8Array): Record<string, string> | undefined {
  const json = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const start = json.indexOf(METADATA);
  if (start === -1) return undefined;
  let at = start + METADATA.length;
  while (json[at] === QUOTE) {
    const keyEnd = endOfString(json, at);
    const isLabels =
      keyEnd - at === LABELS.length + 2 && json.compare(LABELS, 0, 6, at + 1, keyEnd - 1) === 0;
    at = keyEnd + 1;
    const end = endOfValue(json, at);
    if (isLabels) return JSON.parse(json.toString('utf8', at, end)) as Record<string, string>;
    if (json[end] !== COMMA) return undefined;
    at = end + 1;
  }
  return undefined;
}

/** Behind the closing quote of the string that opens at `at`. */
function endOfString(json: Buffer, at: number): number {
  for (let end = at + 1; end < json.length; end++) {
    const byte = json[end];
    if (byte === BACKSLASH) end++;
    else if (byte === QUOTE) return end + 1;
  }
  return json.length;
}

/** Behind the value that begins at `at`. */
function endOfValue(json: Buffer, at: number): number {
  let depth = 0;
  for (let end = at; end < json.length; ) {
    const byte = json[end]!;
    if (byte === QUOTE) {
      end = endOfString(json, end);
      if (depth === 0) return end;
      continue;
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth === 0) return end;
      if (--depth === 0) return end + 1;
    } else if (depth === 0 && byte === COMMA) return end;
    end++;
  }
  return json.length;
}
