import { stat } from 'node:fs/promises';
export async function checkPages(path: string): Promise<{ bytes: number } | undefined> {
  const s = await stat(path).catch(() => undefined);
  return s && { bytes: s.size };
}
