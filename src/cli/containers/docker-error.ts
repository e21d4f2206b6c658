import { messageOf } from '../../base/index.ts';

/**
 * What a command under the name `docker` says of an error: dockerd's words, where it has some, as of a daemon; else
 * undefined.
 */
export async function dockerError(error: unknown): Promise<string | undefined> {
  const object = /^inspecting object: no such object: "(.*)"$/s.exec(messageOf(error))?.[1];
  if (object !== undefined) return `Error: No such object: ${object}\n`;
  const { dockerWords } = await import('../../libpod/index.ts');
  const text = dockerWords(messageOf(error));
  return text === messageOf(error) ? undefined : `Error response from daemon: ${text}\n`;
}
