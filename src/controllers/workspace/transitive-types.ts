import { NotFound } from '../../base/index.ts';
import type { tenancyv1alpha1 } from '../../kube/index.ts';

type WorkspaceType = tenancyv1alpha1.WorkspaceType;

export interface TypePlace {
  /** `root:team`. */
  path: string;
  name: string;
}

/**
 * A type and all that it extends, however far: what it extends first, itself last, each once.
 * Source: github.com/kcp-dev/kcp pkg/admission/workspacetypeexists, transitiveTypeResolver.
 *
 * @param find reads a type. @param pathOf tells where one lies.
 * @throws NotFound when one is missing; Error when one extends itself.
 */
export function transitiveTypes(
  place: TypePlace,
  find: (place: TypePlace) => WorkspaceType | undefined,
  pathOf: (type: WorkspaceType) => string,
): WorkspaceType[] {
  const leaf = find(place);
  if (leaf === undefined)
    throw new NotFound(`workspacetypes.tenancy.kcp.io "${place.path}:${place.name}" not found`);
  const seen = new Set<string>();
  const extended = (type: WorkspaceType, above: readonly string[]): WorkspaceType[] => {
    const name = `${pathOf(type)}:${type.metadata.name}`;
    const way = [...above, name];
    seen.add(name);
    const found: WorkspaceType[] = [];
    for (const reference of type.spec?.extend?.with ?? []) {
      const base = { path: reference.path ?? pathOf(type), name: reference.name };
      const baseName = `${base.path}:${base.name}`;
      if (way.includes(baseName)) {
        const circle = way.slice(way.indexOf(baseName)).join(' -> ');
        throw new Error(`circular dependency detected in workspace type ${baseName}: ${circle}`);
      }
      if (seen.has(baseName)) continue;
      const baseType = find(base);
      if (baseType === undefined) throw new NotFound(`unable to find inherited workspace type ${baseName}`);
      found.push(baseType, ...extended(baseType, way));
    }
    return found;
  };
  return [...extended(leaf, []), leaf];
}
