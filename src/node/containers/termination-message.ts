import { open } from 'node:fs/promises';
import type { ObservedContainer } from '../pods/engine-labels.ts';
import { absent } from '../volumes/atomic-writer.ts';

const longestMessage = 4096;
const longestFromLog = 2048;
const mostLogLines = 80;

/**
 * A container's last words: its termination message file, or the end of its log when it failed silently and
 * its policy says so.
 * https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
 */
export async function readTerminationMessage(ended: ObservedContainer): Promise<string> {
  const path = ended.terminationMessageFile;
  const message = path === undefined ? '' : await readPart(path, longestMessage, 'head');
  if (message !== '' || ended.terminationMessagePolicy !== 'FallbackToLogsOnError' || ended.exitCode === 0)
    return message;
  // Each line of a log carries a timestamp and a stream: some 50 bytes more than its text.
  return lastLines(await readPart(ended.logPath, 4 * longestFromLog + mostLogLines * 64, 'tail'));
}

/** The text of the last lines of a log in CRI's format. */
export function lastLines(log: string): string {
  const lines = log.split('\n').filter((line) => /^\S+ (stdout|stderr) [PF] /.test(line));
  const text = lines
    .slice(-mostLogLines)
    .map((line) => {
      const [, , tag, ...words] = line.split(' ');
      return `${words.join(' ')}${tag === 'P' ? '' : '\n'}`;
    })
    .join('');
  return Buffer.from(text).subarray(-longestFromLog).toString();
}

async function readPart(path: string, longest: number, end: 'head' | 'tail'): Promise<string> {
  const file = await open(path, 'r').catch(absent);
  if (file === undefined) return '';
  try {
    const { size } = await file.stat();
    const length = Math.min(size, longest);
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await file.read(buffer, 0, length, end === 'head' ? 0 : size - length);
    return buffer.subarray(0, bytesRead).toString();
  } finally {
    await file.close();
  }
}
