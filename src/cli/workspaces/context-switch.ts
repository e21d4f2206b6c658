import { BadRequest } from '../../base/index.ts';
import type { Fields, KubeconfigChange, ListName } from './kubeconfig-document.ts';

/** The contexts, and clusters of the same names, by which a kubeconfig says where its user is and was. */
export const CURRENT = 'workspace.kcp.io/current';
export const PREVIOUS = 'workspace.kcp.io/previous';

export interface Entries {
  find(list: ListName, name: string): Fields | undefined;
}

export interface Switch {
  change: KubeconfigChange;
  /** Which entry a new one is a copy of. */
  madeFrom: Record<string, string>;
}

/** A context, and the cluster that it names. */
export interface Place {
  name: string;
  context: Fields;
  cluster: Fields;
}

/** Goes to another URL with the same user; the context before becomes the previous one. */
export function entering({ name, context, cluster }: Place, server: string): Switch {
  const before = moved(context, cluster, CURRENT, PREVIOUS);
  const clusterName = String(context.cluster);
  return {
    change: {
      currentContext: CURRENT,
      clusters: { [CURRENT]: { ...cluster, server }, ...before.clusters },
      contexts: { [CURRENT]: { ...context, cluster: CURRENT }, [PREVIOUS]: before.context },
    },
    madeFrom: madeFrom(name, clusterName),
  };
}

/**
 * Goes back to the previous context, which becomes the current one, and this one the previous.
 *
 * @throws BadRequest when there is none
 */
export function swapping(entries: Entries, place: Place): Switch & { server: string } {
  const previous = entries.find('contexts', PREVIOUS);
  if (previous === undefined) throw new BadRequest('no previous workspace found in kubeconfig');
  const clusterName = String(previous.cluster ?? '');
  const cluster = entries.find('clusters', clusterName);
  if (cluster === undefined) throw new BadRequest(`cluster "${clusterName}" not found in kubeconfig`);
  const before = moved(place.context, place.cluster, CURRENT, PREVIOUS);
  const after = moved(previous, cluster, PREVIOUS, CURRENT);
  return {
    server: String(cluster.server ?? ''),
    change: {
      currentContext: CURRENT,
      clusters: { ...before.clusters, ...after.clusters },
      contexts: { [CURRENT]: after.context, [PREVIOUS]: before.context },
    },
    madeFrom: madeFrom(place.name, String(place.context.cluster)),
  };
}

/** A context whose cluster has a name of ours takes that cluster along under the other name; others stay as they are. */
function moved(
  context: Fields,
  cluster: Fields,
  from: string,
  to: string,
): { context: Fields; clusters: Record<string, Fields> } {
  if (context.cluster !== from) return { context, clusters: {} };
  return { context: { ...context, cluster: to }, clusters: { [to]: cluster } };
}

function madeFrom(context: string, cluster: string): Record<string, string> {
  return {
    [`contexts/${CURRENT}`]: context,
    [`contexts/${PREVIOUS}`]: context,
    [`clusters/${CURRENT}`]: cluster,
    [`clusters/${PREVIOUS}`]: cluster,
  };
}
