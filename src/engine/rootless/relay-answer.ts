import type { Readable } from 'node:stream';

/** `ready`, as soon as a relay says so; else all that it wrote before it ended. */
export function readyOrComplaint(stream: Readable): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.endsWith('ready\n')) resolve('ready');
    });
    stream.once('close', () => resolve(text.trim()));
  });
}
