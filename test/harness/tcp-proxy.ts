import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A way to a server on loopback that can be cut, or stall. */
export class TcpProxy {
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();
  #stalled = false;
  #answersCut = false;

  /** @param endpoint host:port */
  static async to(endpoint: string): Promise<TcpProxy> {
    const [host, port] = endpoint.split(':') as [string, string];
    const proxy = new TcpProxy(host, Number(port));
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  private constructor(host: string, port: number) {
    this.#server = createServer((near) => {
      const far = connect({ host, port, allowHalfOpen: true });
      const pair: [Socket, Socket] = [near, far];
      this.#pairs.add(pair);
      const end = (): void => {
        near.destroy();
        far.destroy();
        this.#pairs.delete(pair);
      };
      if (this.#stalled) for (const socket of pair) socket.pause();
      near.on('data', (chunk) => far.write(chunk));
      far.on('data', (chunk) => {
        if (this.#answersCut) return end();
        near.write(chunk);
      });
      for (const socket of pair) {
        socket.on('close', end);
        socket.on('error', end);
      }
    });
  }

  get endpoint(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ends every connection; new ones pass. */
  cut(): void {
    for (const [near, far] of this.#pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  /** Requests still arrive; at the next byte of an answer the connection ends. */
  cutAtAnswer(on: boolean): void {
    this.#answersCut = on;
  }

  /** Passes nothing on until it is turned off; connections stay open. */
  stall(on: boolean): void {
    this.#stalled = on;
    for (const socket of [...this.#pairs].flat()) {
      if (on) socket.pause();
      else socket.resume();
    }
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
  }
}
