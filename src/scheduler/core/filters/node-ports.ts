import { type Filter, resolvable } from '../filter.ts';
import type { HostPort } from '../pod-facts.ts';

const ANY_ADDRESS = '0.0.0.0';

/** No two pods of a node want the same port of the host. */
export const nodePorts: Filter = {
  name: 'NodePorts',
  prepare: ({ hostPorts }) =>
    hostPorts.length === 0
      ? undefined
      : (node) => {
          for (const other of node.pods.values())
            if (other.hostPorts.some((used) => hostPorts.some((wanted) => collide(used, wanted))))
              return resolvable("node(s) didn't have free ports for the requested pod ports");
          return undefined;
        },
};

function collide(a: HostPort, b: HostPort): boolean {
  const sameAddress = a.ip === b.ip || a.ip === ANY_ADDRESS || b.ip === ANY_ADDRESS;
  return sameAddress && a.port === b.port && a.protocol === b.protocol;
}
