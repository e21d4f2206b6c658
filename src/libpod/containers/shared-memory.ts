import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type ContainerMount, detachMount, mountsBelow, mountTmpfs } from '../../engine/index.ts';
import type { PodConfig } from '../libpod.ts';
import type { ContainerStore } from './container-store.ts';
import type { Container } from './stored-container.ts';

const DESTINATION = '/dev/shm';
const DEFAULT_BYTES = 64 << 20;
const OPTIONS = ['bind', 'rprivate', 'nosuid', 'noexec', 'nodev'];

/**
 * Who joins a container's IPC namespace has its /dev/shm too, and mounts do not go with that namespace: of one
 * whose namespace may be joined (`--ipc shareable`, a pod's infra container) it lies on the host.
 * @returns nothing where it is the container's own
 */
export async function sharedMemory(
  container: Container,
  store: ContainerStore,
  pod: Pick<PodConfig, 'infraId' | 'sharedNamespaces'> | undefined,
): Promise<ContainerMount[]> {
  const { id, stored } = container;
  if (stored.mounts.some((one) => one.destination === DESTINATION)) return [];
  const mode = stored.hostConfig.IpcMode ?? '';
  if (mode === 'shareable') return [await own(store.userFolder(id), stored.hostConfig.ShmSize)];
  const holder = await holderOf(container, store, pod);
  if (holder === undefined) return [];
  const source = join(store.userFolder(holder), 'shm');
  return (await mountsBelow(source)).length === 0 ? [] : [bound(source)];
}

/** Takes it away with what is in it. No error when there is none. */
export function releaseSharedMemory(userFolder: string): void {
  detachMount(join(userFolder, 'shm'));
}

async function holderOf(
  { stored }: Container,
  store: ContainerStore,
  pod: Pick<PodConfig, 'infraId' | 'sharedNamespaces'> | undefined,
): Promise<string | undefined> {
  const mode = stored.hostConfig.IpcMode ?? '';
  if (mode.startsWith('container:')) return await store.idOf(mode.slice('container:'.length));
  const isPods = (mode === '' || mode === 'pod') && !stored.isInfra && pod?.sharedNamespaces.includes('ipc');
  return isPods ? pod?.infraId : undefined;
}

async function own(userFolder: string, sizeBytes: number | undefined): Promise<ContainerMount> {
  const folder = join(userFolder, 'shm');
  detachMount(folder);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  mountTmpfs(folder, `mode=1777,size=${sizeBytes || DEFAULT_BYTES}`);
  return bound(folder);
}

function bound(source: string): ContainerMount {
  return { type: 'bind', source, destination: DESTINATION, options: OPTIONS };
}
