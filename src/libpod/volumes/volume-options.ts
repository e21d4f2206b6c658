import { stat } from 'node:fs/promises';
import { BadRequest } from '../../base/index.ts';

/** What the local driver's options come to (podman-volume-create(1), docker volume create). */
export interface VolumeMount {
  type?: string;
  device?: string;
  /** For mount(8). */
  options: string[];
}

export interface VolumeSettings {
  /** Absent: a folder of ours, nothing is mounted. */
  mount?: VolumeMount;
  uid?: number;
  gid?: number;
  /** Never filled from an image. */
  noCopy?: boolean;
}

const OURS = ['uid', 'gid', 'size', 'inodes', 'noquota', 'copy', 'nocopy', 'timeout'];

/** @throws BadRequest naming what is not supported */
export async function volumeSettings(given: Readonly<Record<string, string>>): Promise<VolumeSettings> {
  const options: Record<string, string> = {};
  for (const [key, value] of Object.entries(given)) {
    const name = key.toLowerCase();
    if (!['type', 'device', 'o', 'uid', 'gid', 'size', 'inodes', 'noquota', 'copy', 'nocopy'].includes(name))
      throw new BadRequest(`invalid mount option ${key} for driver 'local': invalid argument`);
    options[name] = value;
  }
  const words = (options.o ?? '').split(',').filter((word) => word !== '');
  for (const name of OURS) if (options[name] !== undefined) words.push(`${name}=${options[name]}`);
  const lastOf = (name: string) =>
    words.findLast((word) => word === name || word.startsWith(`${name}=`))?.slice(name.length + 1);
  if (lastOf('timeout') !== undefined)
    throw new BadRequest(
      'Volume driver timeout can only be used with non-local volume drivers: invalid argument',
    );
  const isMount = options.type !== undefined || options.device !== undefined;
  if (!isMount) {
    if (lastOf('size') !== undefined || lastOf('inodes') !== undefined)
      throw new BadRequest(
        'volume options size and inodes not supported. Filesystem does not support Project Quota',
      );
    const unknown = words.find((word) => !OURS.includes(word.split('=')[0]!));
    if (unknown !== undefined)
      throw new BadRequest(
        `the option ${JSON.stringify(unknown)} needs a type or a device: invalid argument`,
      );
  }
  const mount = isMount ? await mountOf(options, words) : undefined;
  const uid = idOf('uid', lastOf('uid'));
  const gid = idOf('gid', lastOf('gid'));
  return {
    ...(mount && { mount }),
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
    ...(words.includes('nocopy') && { noCopy: true }),
  };
}

async function mountOf(options: Record<string, string>, words: string[]): Promise<VolumeMount> {
  const { type, device } = options;
  for (const [name, value] of Object.entries({ type, device }))
    if (value?.startsWith('-') || value?.includes('\0'))
      throw new BadRequest(
        `invalid mount option ${name} ${JSON.stringify(value)} for driver 'local': invalid argument`,
      );
  const isBind = type === 'bind' || words.includes('bind') || words.includes('rbind');
  if (isBind && device === undefined)
    throw new BadRequest("invalid volume option device for driver 'local': a bind needs a device");
  if (isBind && device !== undefined)
    await stat(device).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ENOENT') throw cause;
      throw new BadRequest(
        `invalid volume option device for driver 'local': stat ${device}: no such file or directory`,
        { cause },
      );
    });
  // tmpfs knows size, uid and gid by itself; the others are about our own folder.
  const known = type === 'tmpfs' ? ['size', 'uid', 'gid'] : [];
  return {
    ...(type !== undefined && type !== '' && { type }),
    ...(device !== undefined && device !== '' && { device }),
    options: words
      .map((word) => (word.startsWith('inodes=') ? word.replace('inodes', 'nr_inodes') : word))
      .filter((word) => {
        const name = word.split('=')[0]!;
        return !OURS.includes(name) || known.includes(name);
      }),
  };
}

function idOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text))
    throw new BadRequest(`cannot convert ${name.toUpperCase()} ${text} to integer: invalid argument`);
  return Number(text);
}
