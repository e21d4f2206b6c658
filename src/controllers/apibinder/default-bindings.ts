import { workspaceOf } from '../../client/index.ts';
import {
  type apisv1alpha2,
  type ConditionState,
  type Draft,
  falseCondition,
  isKcpConditionTrue,
  type tenancyv1alpha1,
} from '../../kube/index.ts';
import { bindingNameFor } from './binding-name.ts';

type Binding = apisv1alpha2.APIBinding;
type WorkspaceType = tenancyv1alpha1.WorkspaceType;

/** What a workspace of some types is to be bound to. */
export interface DefaultBindings {
  /** One for each export that is there. */
  wanted: Draft<Binding>[];
  isExportMissing: boolean;
}

/** @param find reads an export at a path; without a path in the type it lies beside the type. */
export function defaultBindings(
  clusterName: string,
  types: readonly WorkspaceType[],
  find: (path: string, name: string) => apisv1alpha2.APIExport | undefined,
): DefaultBindings {
  const wanted = new Map<string, Draft<Binding>>();
  let isExportMissing = false;
  for (const type of types)
    for (const reference of type.spec?.defaultAPIBindings ?? []) {
      const path = reference.path || workspaceOf(type);
      const exported = find(path, reference.export);
      const name = bindingNameFor(clusterName, path, reference.export);
      if (exported === undefined) isExportMissing = true;
      else wanted.set(name, bindingTo(exported, path, name));
    }
  return { wanted: [...wanted.values()], isExportMissing };
}

/** Whatever the export claims is granted: whoever chose the type chose that. */
function bindingTo(exported: apisv1alpha2.APIExport, path: string, name: string): Draft<Binding> {
  const claims = exported.spec?.permissionClaims ?? [];
  return {
    metadata: { name },
    spec: {
      reference: { export: { path, name: exported.metadata.name } },
      ...(claims.length > 0 && {
        permissionClaims: claims.map((claim) => ({
          ...claim,
          selector: { matchAll: true },
          state: 'Accepted' as const,
        })),
      }),
    },
  };
}

export const MISSING_EXPORT = 'unable to complete initialization: unable to find at least 1 APIExport';

/** What stands in the way of a workspace that waits for its bindings, in kcp's words; undefined when nothing does. */
export function waitingCondition(
  type: string,
  wanted: readonly Draft<Binding>[],
  bindings: readonly Binding[],
  verb: 'bound' | 'reconciled',
): ConditionState | undefined {
  const incomplete = wanted
    .filter(({ metadata }) => {
      const binding = bindings.find((one) => one.metadata.name === metadata.name);
      return (
        binding === undefined || !isKcpConditionTrue(binding.status?.conditions, 'InitialBindingCompleted')
      );
    })
    .map(({ metadata }) => metadata.name!)
    .sort();
  if (incomplete.length === 0) return undefined;
  const message = `APIBinding(s) not yet fully ${verb}: ${incomplete.join(', ')}`;
  return falseCondition(type, 'Info', 'WaitingOnAPIBindings', message);
}
