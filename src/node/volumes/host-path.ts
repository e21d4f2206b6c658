import { stat, writeFile } from 'node:fs/promises';
import { makeFolder, OrreryError } from '../../base/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { absent } from './atomic-writer.ts';

/**
 * Checks, and makes where its type says so, what a hostPath volume names.
 * https://kubernetes.io/docs/concepts/storage/volumes/#hostpath-volume-types
 *
 * @throws OrreryError `HostPathType` with the kubelet's sentence
 */
export async function prepareHostPath({ path, type = '' }: corev1.HostPathVolumeSource): Promise<void> {
  if (type === '') return;
  const found = await stat(path).catch(absent);
  const refuse = (what: string) => {
    throw new OrreryError('HostPathType', `hostPath type check failed: ${path} is not ${what}`);
  };
  switch (type) {
    case 'DirectoryOrCreate':
      if (found === undefined) await makeFolder(path, 0o755);
      else if (!found.isDirectory()) refuse('a directory');
      return;
    case 'FileOrCreate':
      if (found === undefined) await writeFile(path, '', { mode: 0o644, flag: 'wx' });
      else if (!found.isFile()) refuse('a file');
      return;
    case 'Directory':
      if (!found?.isDirectory()) refuse('a directory');
      return;
    case 'File':
      if (!found?.isFile()) refuse('a file');
      return;
    case 'Socket':
      if (!found?.isSocket()) refuse('a socket file');
      return;
    case 'CharDevice':
      if (!found?.isCharacterDevice()) refuse('a character device');
      return;
    case 'BlockDevice':
      if (!found?.isBlockDevice()) refuse('a block device');
      return;
    default:
      throw new OrreryError('HostPathType', `${type} is an invalid volume type`);
  }
}
