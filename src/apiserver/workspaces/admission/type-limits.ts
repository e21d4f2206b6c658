import type { tenancyv1alpha1 } from '../../../kube/index.ts';
import { aggregated } from './refusal.ts';
import type { FoundType } from './type-resolution.ts';

/** A type with all that it extends. */
export interface TypeInFull {
  qualifiedName: string;
  aliases: readonly FoundType[];
}

type Limit = tenancyv1alpha1.WorkspaceTypeSelector;

/**
 * Why a workspace of one type may not be made in one of another: each may say of which types the other must be, and
 * what a type extends it is too. Undefined when it may. Source: kcp pkg/admission/workspacetypeexists.
 */
export function limitViolation(parent: TypeInFull, child: TypeInFull): string | undefined {
  return (
    parentViolation(parent, child) ??
    childViolation(parent, child) ??
    // What no type may be below, none may be made of.
    (limitsOf(child, 'limitAllowedParents').some(({ limit }) => limit.none === true)
      ? `workspace type ${child.qualifiedName} cannot have any parents`
      : undefined)
  );
}

function parentViolation(parent: TypeInFull, child: TypeInFull): string | undefined {
  const reasons = limitsOf(child, 'limitAllowedParents').flatMap(({ alias, limit }) =>
    isMet(parent, limit)
      ? []
      : [
          `workspace type ${child.qualifiedName}${extending(alias, child)} only allows ${listed(namesOf(limit))} parent workspaces, ` +
            `but parent type ${parent.qualifiedName} only implements ${listed(implementedBy(parent))}`,
        ],
  );
  return reasons.length === 0 ? undefined : aggregated(reasons);
}

function childViolation(parent: TypeInFull, child: TypeInFull): string | undefined {
  const limits = limitsOf(parent, 'limitAllowedChildren');
  if (limits.some(({ limit }) => limit.none === true))
    return `workspace type ${parent.qualifiedName} cannot have any children`;
  const reasons = limits.flatMap(({ alias, limit }) =>
    isMet(child, limit)
      ? []
      : [
          `workspace type ${parent.qualifiedName}${extending(alias, parent)} only allows ${listed(namesOf(limit))} child workspaces, ` +
            `but child type ${child.qualifiedName} only implements ${listed(implementedBy(child))}`,
        ],
  );
  return reasons.length === 0 ? undefined : aggregated(reasons);
}

function limitsOf(
  { aliases }: TypeInFull,
  which: 'limitAllowedParents' | 'limitAllowedChildren',
): { alias: FoundType; limit: Limit }[] {
  return aliases.flatMap((alias) => {
    const limit = alias.type.spec?.[which];
    return limit === undefined ? [] : [{ alias, limit }];
  });
}

/** A limit that names no types allows all. */
function isMet({ aliases }: TypeInFull, limit: Limit): boolean {
  const allowed = namesOf(limit);
  return allowed.length === 0 || aliases.some(({ qualifiedName }) => allowed.includes(qualifiedName));
}

function namesOf({ types = [] }: Limit): string[] {
  return types.map(({ path = '', name }) => `${path}:${name}`);
}

function implementedBy({ aliases }: TypeInFull): string[] {
  return aliases.map(({ qualifiedName }) => qualifiedName);
}

function extending(alias: FoundType, { qualifiedName }: TypeInFull): string {
  return alias.qualifiedName === qualifiedName ? '' : ` extends ${alias.qualifiedName}, which`;
}

/** As Go prints a sorted set. */
function listed(names: readonly string[]): string {
  return `[${[...new Set(names)].sort().join(' ')}]`;
}
