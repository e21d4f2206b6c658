/**
 * One line of a CRI log file: `<RFC3339Nano> stdout|stderr P|F[:tag…] <text>`.
 *
 * @see https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
 */
export interface CriRecord {
  timestamp: string;
  stream: 'stdout' | 'stderr';
  /** The text goes on in the stream's next record. */
  partial: boolean;
  text: Buffer;
}

const SPACE = 0x20;
const COLON = 0x3a;

/** @returns undefined for a line that is not such a record. @param line without its newline. */
export function parseCriRecord(line: Buffer): CriRecord | undefined {
  const timeEnd = line.indexOf(SPACE);
  if (timeEnd <= 0) return undefined;
  const streamEnd = line.indexOf(SPACE, timeEnd + 1);
  if (streamEnd < 0) return undefined;
  const stream = line.toString('latin1', timeEnd + 1, streamEnd);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  const tagEnd = line.indexOf(SPACE, streamEnd + 1);
  if (tagEnd < 0) return undefined;
  const second = line[streamEnd + 2];
  const firstTagIsOneLetter = tagEnd === streamEnd + 2 || second === COLON;
  return {
    timestamp: line.toString('latin1', 0, timeEnd),
    stream,
    partial: firstTagIsOneLetter && line[streamEnd + 1] === 0x50,
    text: line.subarray(tagEnd + 1),
  };
}

/** As kubelet prints it: nine digits, `Z` for UTC. */
export function formatTimestamp(timestamp: string): string {
  const match = /^(.*T\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(timestamp);
  if (match === null) return timestamp;
  const [, seconds, fraction = '', zone] = match;
  return `${seconds}.${fraction.padEnd(9, '0')}${zone === '+00:00' ? 'Z' : zone}`;
}
