import { messageOf, NotFound } from '../../base/index.ts';
import { type Client, type ResourceRef, workspaceOf } from '../../client/index.ts';
import {
  type apisv1alpha1,
  type apisv1alpha2,
  type ConditionState,
  falseCondition,
  type KubeObject,
  trueCondition,
} from '../../kube/index.ts';

type Binding = apisv1alpha2.APIBinding;
type Bound = apisv1alpha2.BoundAPIResource;

const DELETED = 'BindingResourceDeleteSuccess';

export interface RemovalParts {
  client: Client;
  /** The schema that was bound, while it is there. */
  schemaOf(binding: Binding, bound: Bound): apisv1alpha1.APIResourceSchema | undefined;
  /** Whether another binding of the workspace takes over the objects. */
  isAdopted(binding: Binding, bound: Bound): boolean;
}

/**
 * Deletes the objects of what a binding has bound, and says what is left of them: a True condition when nothing is.
 * Source: pkg/reconciler/apis/apibindingdeletion.
 */
export async function removeBoundContent(binding: Binding, parts: RemovalParts): Promise<ConditionState> {
  const left: Left = { resources: new Map(), finalizers: new Map() };
  const holds = binding.spec.deletionPolicy === 'WaitForSuccessor';
  try {
    for (const bound of binding.status?.boundResources ?? []) {
      if (parts.isAdopted(binding, bound)) continue;
      await removeResource(binding, bound, { ...parts, left, holds });
    }
  } catch (error) {
    return falseCondition(DELETED, 'Error', 'ResourceDeletionFailed', messageOf(error));
  }
  return verdict(left, holds);
}

interface Left {
  resources: Map<string, number>;
  finalizers: Map<string, number>;
}

async function removeResource(
  binding: Binding,
  bound: Bound,
  { client, schemaOf, left, holds }: RemovalParts & { left: Left; holds: boolean },
): Promise<void> {
  const resource = client
    .in(workspaceOf(binding))
    .resource<KubeObject>(referenceTo(bound, schemaOf(binding, bound)));
  const list = async (): Promise<KubeObject[]> => {
    try {
      return (await resource.list()).items;
    } catch (error) {
      // It is not served any more: nothing of it can be reached.
      if (error instanceof NotFound) return [];
      throw error;
    }
  };
  let items = await list();
  if (!holds && items.length > 0) {
    const namespaces = new Set(items.map(({ metadata }) => metadata.namespace ?? ''));
    for (const namespace of namespaces)
      await resource.deleteCollection({
        ...(namespace !== '' && { namespace }),
        propagationPolicy: 'Background',
      });
    items = await list();
  }
  if (items.length === 0) return;
  left.resources.set(`${bound.resource}.${bound.group}`, items.length);
  for (const { metadata } of items)
    for (const finalizer of metadata.finalizers ?? [])
      left.finalizers.set(finalizer, (left.finalizers.get(finalizer) ?? 0) + 1);
}

/** In a version that is served; the list over all namespaces is the same for both scopes. */
function referenceTo(bound: Bound, schema: apisv1alpha1.APIResourceSchema | undefined): ResourceRef {
  const served = schema?.spec.versions.find(({ served: is }) => is)?.name;
  return {
    group: bound.group,
    version: served ?? bound.storageVersions?.[0] ?? 'v1',
    resource: bound.resource,
    kind: schema?.spec.names.kind ?? '',
    namespaced: schema?.spec.scope !== 'Cluster',
  };
}

function verdict({ resources, finalizers }: Left, holds: boolean): ConditionState {
  const remaining = [...resources].map(([name, count]) => `${name} has ${count} resource instances`).sort();
  if (remaining.length === 0) return trueCondition(DELETED);
  if (holds)
    return falseCondition(
      DELETED,
      'Info',
      'WaitingForSuccessor',
      `Some resources are waiting for another APIBinding: ${remaining.join(', ')}`,
    );
  const stuck = [...finalizers].map(([name, count]) => `${name} in ${count} resource instances`).sort();
  return stuck.length > 0
    ? falseCondition(
        DELETED,
        'Error',
        'SomeFinalizersRemain',
        `Some content in the workspace has finalizers remaining: ${stuck.join(', ')}`,
      )
    : falseCondition(
        DELETED,
        'Error',
        'SomeResourcesRemain',
        `Some resources are remaining: ${remaining.join(', ')}`,
      );
}
