import type { Socket } from 'node:net';
import { isHungUp } from '../../engine/index.ts';

const LOOK_MS = 1000;

/**
 * Destroys a connection whose client is gone. Clients end their half and read on (`docker run -i` at the end of its
 * input), so Node, which may hold half open connections, says nothing of one that has closed, as long as nothing is
 * written to it. Looked for, because the kernel's word for it (POLLHUP) comes to nobody who has read to the end.
 */
export function destroyWhenHungUp(socket: Socket): void {
  socket.once('end', () => {
    const look = setInterval(() => {
      if (isHungUp(socket)) socket.destroy();
    }, LOOK_MS);
    socket.once('close', () => clearInterval(look));
  });
}
