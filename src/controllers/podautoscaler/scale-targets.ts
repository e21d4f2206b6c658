import {
  type Client,
  DEPLOYMENTS,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  type ResourceRef,
  STATEFUL_SETS,
} from '../../client/index.ts';
import type { autoscalingv2 } from '../../kube/index.ts';

const BUILT_IN: readonly ResourceRef[] = [DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, REPLICATION_CONTROLLERS];

/** Which resource a kind that can be scaled is: a RESTMapper of client-go's, which asks the server for what it does not know. */
export class ScaleTargets {
  readonly #found = new Map<string, ResourceRef>();

  /** @throws Error in upstream's words when no resource is of that kind. */
  async find(
    client: Client,
    { kind, apiVersion = '' }: autoscalingv2.CrossVersionObjectReference,
  ): Promise<ResourceRef> {
    const group = apiVersion.includes('/') ? apiVersion.split('/')[0]! : '';
    const isIt = (one: ResourceRef) => one.kind === kind && one.group === group;
    const id = `${group}/${kind}`;
    const known = BUILT_IN.find(isIt) ?? this.#found.get(id);
    if (known !== undefined) return known;
    const found = (await client.discover()).resources.find(isIt);
    if (found === undefined)
      throw new Error(`no matches for kind ${JSON.stringify(kind)} in group ${JSON.stringify(group)}`);
    this.#found.set(id, found);
    return found;
  }
}
