import {
  type KubeObject,
  missingRules,
  RBAC_GROUP,
  type rbacv1,
  semanticallyEqual,
} from '../../kube/index.ts';
import type { ObjectClient } from '../object-client.ts';
import {
  AUTOUPDATE,
  defaultClusterRoleBindings,
  defaultClusterRoles,
  defaultRoleBindings,
  defaultRoles,
} from './default-policy.ts';

/**
 * Makes the default roles and bindings, and gives back to those that are there what they lack: rules, subjects,
 * labels. What somebody added stays; what carries the annotation `…/autoupdate: "false"` is left alone; a binding to
 * another role is made anew, since it cannot be changed.
 * Source: k8s.io/component-helpers/auth/rbac/reconciliation.
 */
export async function reconcileDefaultPolicy(client: ObjectClient): Promise<void> {
  await reconcileAll(client, 'clusterroles', defaultClusterRoles(), withMissingRules);
  await reconcileAll(client, 'clusterrolebindings', defaultClusterRoleBindings(), withMissingSubjects);
  await reconcileAll(client, 'roles', defaultRoles(), withMissingRules);
  await reconcileAll(client, 'rolebindings', defaultRoleBindings(), withMissingSubjects);
}

async function reconcileAll<T extends KubeObject>(
  client: ObjectClient,
  resource: string,
  wanted: readonly T[],
  repair: (current: T, wanted: T) => T,
): Promise<void> {
  const root = `/apis/${RBAC_GROUP}/v1`;
  const present = (await client.list(`${root}/${resource}`)) as readonly T[];
  const byName = new Map(present.map((object) => [placeOf(object), object]));
  await Promise.all(
    wanted.map(async (one) => {
      const { namespace, name } = one.metadata;
      const collection = namespace ? `${root}/namespaces/${namespace}/${resource}` : `${root}/${resource}`;
      const current = byName.get(placeOf(one));
      if (current === undefined) return client.create(collection, one);
      if (current.metadata.annotations?.[AUTOUPDATE] === 'false') return undefined;
      if (!sameRole(current, one)) {
        await client.delete(collection, name);
        return client.create(collection, one);
      }
      const repaired = withMissingMetadata(repair(current, one), one);
      return semanticallyEqual(repaired, current)
        ? undefined
        : client.replace(collection, { ...repaired, ...kindOf(one) });
    }),
  );
}

/** The items of a list may come without. */
function kindOf({ apiVersion, kind }: KubeObject): Pick<KubeObject, 'apiVersion' | 'kind'> {
  return { apiVersion: apiVersion!, kind: kind! };
}

function placeOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

function sameRole(current: KubeObject, wanted: KubeObject): boolean {
  const refOf = (object: KubeObject) => (object as Partial<rbacv1.RoleBinding>).roleRef;
  return semanticallyEqual(refOf(current), refOf(wanted));
}

function withMissingMetadata<T extends KubeObject>(current: T, wanted: T): T {
  const { labels, annotations } = current.metadata;
  return {
    ...current,
    metadata: {
      ...current.metadata,
      labels: { ...labels, ...wanted.metadata.labels },
      annotations: { ...wanted.metadata.annotations, ...annotations },
    },
  };
}

/** The rules of an aggregated role are its controller's; what it gathers is ours. */
function withMissingRules<T extends rbacv1.ClusterRole | rbacv1.Role>(current: T, wanted: T): T {
  const selectors = (wanted as rbacv1.ClusterRole).aggregationRule?.clusterRoleSelectors;
  if (selectors === undefined)
    return {
      ...current,
      rules: [...(current.rules ?? []), ...missingRules(current.rules ?? [], wanted.rules ?? [])],
    };
  const present = (current as rbacv1.ClusterRole).aggregationRule?.clusterRoleSelectors ?? [];
  const lacking = selectors.filter((one) => !present.some((other) => semanticallyEqual(one, other)));
  return { ...current, aggregationRule: { clusterRoleSelectors: [...present, ...lacking] } };
}

function withMissingSubjects<T extends rbacv1.ClusterRoleBinding | rbacv1.RoleBinding>(
  current: T,
  wanted: T,
): T {
  const present = current.subjects ?? [];
  const lacking = (wanted.subjects ?? []).filter(
    (one) => !present.some((other) => semanticallyEqual(one, other)),
  );
  return { ...current, subjects: [...present, ...lacking] };
}
