import {
  type admissionregistrationv1,
  type apiextensionsv1,
  BOUND_DEFINITIONS_WORKSPACE,
  type CheckedKind,
  celTypeOf,
  customCelType,
  type DeclType,
  type Resource,
  typeCheckPolicy,
} from '../../../kube/index.ts';
import type { Catalog } from '../../registry/catalog.ts';
import { groupVersion } from '../../storage/object-storage.ts';
import type { PolicyParts } from './bound-policies.ts';

type Policy = admissionregistrationv1.ValidatingAdmissionPolicy;
type Rule = admissionregistrationv1.NamedRuleWithOperations;

const MOST_KINDS = 10;

/** `status.typeChecking.expressionWarnings` of a policy. */
export async function typeCheck(
  parts: Pick<PolicyParts, 'catalog' | 'objects'>,
  policy: Policy,
  workspace: string,
): Promise<admissionregistrationv1.ExpressionWarning[]> {
  const kinds: CheckedKind[] = [];
  for (const resource of kindsToCheck(parts.catalog.in(workspace), policy)) {
    const type = await typeOf(parts, resource, workspace);
    const { group, version, kind } = resource;
    if (type !== undefined) kinds.push({ kind: { group, version, kind }, type });
  }
  const { paramKind } = policy.spec;
  const param =
    paramKind &&
    parts.catalog
      .in(workspace)
      .all.find((one) => one.kind === paramKind.kind && groupVersion(one) === paramKind.apiVersion);
  return typeCheckPolicy(policy, kinds, param && (await typeOf(parts, param, workspace)));
}

/** What the rules name without wildcards, at most ten kinds, in the order of group, version and kind. */
function kindsToCheck(catalog: Catalog, { spec }: Policy): Resource[] {
  const found = new Set<Resource>();
  for (const rule of spec.matchConstraints?.resourceRules ?? [])
    for (const { group, version, resource } of namedBy(rule)) {
      const served = catalog.find(group, version, resource);
      if (served !== undefined && found.size < MOST_KINDS) found.add(served);
    }
  const keyOf = ({ group, version, kind }: Resource) => `${group}\u0000${version}\u0000${kind}`;
  return [...found].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

function namedBy({ apiGroups = [], apiVersions = [], resources = [] }: Rule) {
  const isWild = (text: string) => text.includes('*');
  if (apiGroups.some(isWild) || apiVersions.some(isWild)) return [];
  const plain = resources.filter((one) => !isWild(one) && !one.includes('/'));
  return [...apiGroups]
    .sort()
    .flatMap((group) =>
      [...apiVersions]
        .sort()
        .flatMap((version) => [...plain].sort().map((resource) => ({ group, version, resource }))),
    );
}

async function typeOf(
  { objects }: Pick<PolicyParts, 'objects'>,
  resource: Resource,
  workspace: string,
): Promise<DeclType | undefined> {
  const { schema, bound } = resource;
  if (!schema.ref.startsWith('custom:')) return celTypeOf(schema.ref);
  if (schema.custom !== undefined) return schema.custom.celType(resource.kind);
  const definition = await objects.find<apiextensionsv1.CustomResourceDefinition>(
    { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' },
    bound === undefined
      ? { workspace, name: `${resource.name}.${resource.group}` }
      : { workspace: BOUND_DEFINITIONS_WORKSPACE, name: bound.definition },
  );
  return definition && customCelType(definition, resource.version);
}
