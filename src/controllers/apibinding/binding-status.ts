import {
  type apisv1alpha1,
  type apisv1alpha2,
  type ConditionState,
  falseCondition,
  isKcpConditionTrue,
  judgeClaims,
  namingConflict,
  type TakenNames,
  trueCondition,
  withCondition,
  withSummary,
} from '../../kube/index.ts';

type Binding = apisv1alpha2.APIBinding;
type Status = apisv1alpha2.APIBindingStatus;
type Bound = apisv1alpha2.BoundAPIResource;
type Schema = apisv1alpha1.APIResourceSchema;

const EXPORT_VALID = 'APIExportValid';
const COMPLETED = 'InitialBindingCompleted';
const UP_TO_DATE = 'BindingUpToDate';
const CLAIMS_VALID = 'PermissionClaimsValid';
const CLAIMS_APPLIED = 'PermissionClaimsApplied';
const INTERNAL = 'InternalError';
/** More wrong claims than these are only counted. */
const MOST_TOLD = 10;

const WAITING = falseCondition(
  COMPLETED,
  'Info',
  'WaitingForEstablished',
  'Waiting for API(s) to be established',
);
const BROKEN_EXPORT = falseCondition(
  EXPORT_VALID,
  'Error',
  INTERNAL,
  'Invalid APIExport. Please contact the APIExport owner to resolve',
);

/** Names that somebody else has in the workspace. */
export interface Taken extends TakenNames {
  /** `CustomResourceDefinition "widgets.example.io"`. */
  by: string;
}

/** What a binding is judged by. */
export interface BindingWorld {
  /** The logical cluster its path leads to. */
  exportCluster: string | undefined;
  exported: apisv1alpha2.APIExport | undefined;
  /** A schema beside the export. */
  schema(name: string): Schema | undefined;
  taken: readonly Taken[];
}

/**
 * What is to be said of a binding, and with it what its workspace serves.
 * Source: pkg/reconciler/apis/apibinding/apibinding_reconcile.go, pkg/reconciler/apis/permissionclaimlabel.
 */
export function bindingStatus(binding: Binding, world: BindingWorld, now: string): Status {
  const status: Status = { ...binding.status, phase: binding.status?.phase || 'Binding' };
  const set = (state: ConditionState) => {
    status.conditions = withCondition(status.conditions, state, now);
  };
  if (!binding.status?.phase) set(WAITING);
  judge(binding, status, world, set);
  if (world.exported !== undefined) judgePermissionClaims(binding, status, world.exported, set);
  status.conditions = withSummary(status.conditions, [COMPLETED], now);
  return status;
}

function judge(
  binding: Binding,
  status: Status,
  { exportCluster, exported, schema, taken }: BindingWorld,
  set: (state: ConditionState) => void,
): void {
  const reference = binding.spec.reference.export;
  if (reference === undefined) {
    set(falseCondition(EXPORT_VALID, 'Error', 'APIExportInvalidReference', 'Missing APIExport reference'));
    return;
  }
  const target = `APIExport ${reference.path || exportCluster || ''}|${reference.name}`;
  if (exported === undefined) {
    set(falseCondition(EXPORT_VALID, 'Error', 'APIExportNotFound', `${target} not found`));
    return;
  }
  status.apiExportClusterName = exportCluster!;
  status.exportPermissionClaims = exported.spec?.permissionClaims ?? [];
  const identity = exported.status?.identityHash;
  if (!identity) {
    const why = `${target} is missing status.identityHash`;
    set(falseCondition(EXPORT_VALID, 'Warning', 'MissingIdentityHash', why));
    return;
  }
  const schemas: Schema[] = [];
  for (const one of exported.spec?.resources ?? []) {
    const found = one.storage?.virtual === undefined ? schema(one.schema) : undefined;
    if (found === undefined) {
      set(BROKEN_EXPORT);
      return;
    }
    schemas.push(found);
  }
  set(trueCondition(EXPORT_VALID));
  const conflict = conflictOf(schemas, taken);
  if (conflict !== undefined) {
    const why = `Unable to bind APIs: ${conflict}`;
    set(falseCondition(UP_TO_DATE, 'Error', 'NamingConflicts', why));
    // What was bound once stays so.
    if (!isKcpConditionTrue(status.conditions, COMPLETED))
      set(falseCondition(COMPLETED, 'Error', 'NamingConflicts', why));
    return;
  }
  status.boundResources = withBound(status.boundResources ?? [], schemas, identity);
  set(trueCondition(COMPLETED));
  set(trueCondition(UP_TO_DATE));
  status.phase = 'Bound';
}

function conflictOf(schemas: readonly Schema[], taken: readonly Taken[]): string | undefined {
  for (const { spec } of schemas)
    for (const other of taken) {
      const found = namingConflict(other, { group: spec.group, names: spec.names });
      if (found !== undefined) return `naming conflict with ${other.by}: ${found}`;
    }
  return undefined;
}

/** Each schema in the place of what was bound of its resource before; what is exported no more stays bound. */
function withBound(before: readonly Bound[], schemas: readonly Schema[], identity: string): Bound[] {
  const isOf =
    ({ spec }: Schema) =>
    (one: Bound) =>
      one.group === spec.group && one.resource === spec.names.plural;
  const next = [...before];
  for (const schema of schemas) {
    const at = next.findIndex(isOf(schema));
    const bound = boundOf(schema, identity, next[at]?.storageVersions);
    if (at < 0) next.push(bound);
    else next[at] = bound;
  }
  return next;
}

function boundOf({ metadata, spec }: Schema, identity: string, versions: readonly string[] = []): Bound {
  const stored = spec.versions.filter(({ storage }) => storage).map(({ name }) => name);
  return {
    group: spec.group,
    resource: spec.names.plural,
    schema: { name: metadata.name, UID: metadata.uid, identityHash: identity },
    storageVersions: [...new Set([...versions, ...stored])].sort(),
  };
}

function judgePermissionClaims(
  { spec }: Binding,
  status: Status,
  exported: apisv1alpha2.APIExport,
  set: (state: ConditionState) => void,
): void {
  const { applied, invalid } = judgeClaims(exported.spec?.permissionClaims, spec.permissionClaims);
  const told = invalid.slice(0, MOST_TOLD);
  const list = told.length === 1 ? told[0] : `[${told.join(', ')}]`;
  set(
    invalid.length === 0
      ? trueCondition(CLAIMS_VALID)
      : falseCondition(
          CLAIMS_VALID,
          'Error',
          'InvalidPermissionClaims',
          `${invalid.length} unexpected and/or invalid permission claims (showing first ${told.length}): ${list}`,
        ),
  );
  // Whether a claim holds is looked up whenever it is used: nothing has to be written anywhere else.
  status.appliedPermissionClaims = applied;
  set(trueCondition(CLAIMS_APPLIED));
}

/** Whether an export has something that a binding has not bound as it is now. */
export function hasNews({ status }: Binding, { exported, schema }: Omit<BindingWorld, 'taken'>): boolean {
  const identity = exported?.status?.identityHash;
  if (!identity) return false;
  const bound = new Set(
    (status?.boundResources ?? []).map((one) => `${one.schema.UID}:${one.schema.identityHash}`),
  );
  if (!isKcpConditionTrue(status?.conditions, UP_TO_DATE)) return true;
  return (exported?.spec?.resources ?? []).some(
    (one) => !bound.has(`${schema(one.schema)?.metadata.uid}:${identity}`),
  );
}
