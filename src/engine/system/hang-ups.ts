import type { Socket } from 'node:net';
import { libc } from './libc.ts';

/** Whether the other side of a connection has closed it, and not only its own half; Node tells the two alike. */
export function isHungUp(socket: Socket): boolean {
  const { _handle: handle } = socket as unknown as { _handle?: { fd: number } | null };
  return !handle || handle.fd < 0 || libc().isHungUp(handle.fd);
}
