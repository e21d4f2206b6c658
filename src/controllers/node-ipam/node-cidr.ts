import { BadRequest } from '../../base/index.ts';

/** An IPv4 network and how it is cut into networks of nodes. */
export class NodeCidrs {
  readonly #base: number;
  readonly #count: number;
  readonly #maskSize: number;

  /**
   * @param clusterCidr `10.42.0.0/16`
   * @param maskSize bits of a node's network: 24
   * @throws BadRequest when the one is no IPv4 network or does not hold the other.
   */
  constructor(clusterCidr: string, maskSize: number) {
    const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(clusterCidr);
    const [a, b, c, d, size] = (match ?? []).slice(1).map(Number) as [number, number, number, number, number];
    if (match === null || [a, b, c, d].some((byte) => byte > 255) || size > 32)
      throw new BadRequest(`"${clusterCidr}" is not an IPv4 network, such as 10.42.0.0/16`);
    if (maskSize < size || maskSize > 30)
      throw new BadRequest(`the node mask size ${maskSize} does not fit into ${clusterCidr}`);
    this.#base = a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
    this.#maskSize = maskSize;
    this.#count = 2 ** (maskSize - size);
  }

  /** The first network that is in nobody's use; undefined when all are. */
  firstFree(used: ReadonlySet<string>): string | undefined {
    for (let index = 0; index < this.#count; index++) {
      const cidr = this.#at(index);
      if (!used.has(cidr)) return cidr;
    }
    return undefined;
  }

  #at(index: number): string {
    const address = this.#base + index * 2 ** (32 - this.#maskSize);
    const bytes = [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256);
    return `${bytes.join('.')}/${this.#maskSize}`;
  }
}
