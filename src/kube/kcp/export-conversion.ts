import { BadRequest } from '../../base/index.ts';
import { chosenOf, claimedOf, isPlain, KeptAnnotations, unscopedOf } from './claim-conversion.ts';
import type * as v1alpha1 from './types/apis-v1alpha1.ts';
import type * as v1alpha2 from './types/apis-v1alpha2.ts';

/**
 * APIExports of v1alpha1 and v1alpha2, of which v1alpha2 is stored. What either has no field for stands in annotations.
 * Source: kcp sdk/apis/apis/v1alpha2/types_apiexport_conversion.go.
 */
const RESOURCES = 'apis.v1alpha2.kcp.io/resource-schemas';
const CLAIMS = 'apis.v1alpha2.kcp.io/permission-claims';
/** Of bindings too. */
export const OLD_CLAIMS = 'apis.v1alpha2.kcp.io/v1alpha1-permission-claims';

/** With the place it had among the others. */
type KeptResource = v1alpha2.ResourceSchema & { index?: number };

/** How v1alpha1 shows a stored export. */
export function toExportV1alpha1(stored: v1alpha2.APIExport): v1alpha1.APIExport {
  const { spec = {}, status } = stored;
  const annotations = new KeptAnnotations(stored);
  const { resources = [], permissionClaims, ...sameSpec } = spec;
  const isCrd = ({ storage }: v1alpha2.ResourceSchema) => storage?.crd !== undefined;
  const old = annotations.take<v1alpha1.PermissionClaim>(OLD_CLAIMS);
  annotations.put(
    RESOURCES,
    resources.flatMap((one, index) => (isCrd(one) ? [] : [{ ...one, index }])),
  );
  annotations.put(
    CLAIMS,
    (permissionClaims ?? []).filter((one) => !isPlain(one)),
  );
  const schemas = resources.filter(isCrd).map(({ schema }) => schema);
  return {
    apiVersion: 'apis.kcp.io/v1alpha1',
    kind: 'APIExport',
    metadata: annotations.metadataOf(stored),
    spec: {
      ...sameSpec,
      ...(permissionClaims !== undefined && {
        permissionClaims: permissionClaims.map((one) => ({ ...claimedOf(one), ...chosenOf(one, old) })),
      }),
      ...(schemas.length > 0 && { latestResourceSchemas: schemas }),
    },
    ...(status !== undefined && { status }),
  };
}

/** @throws BadRequest for the name of a schema without version, resource and group. */
export function toExportV1alpha2(sent: v1alpha1.APIExport): v1alpha2.APIExport {
  const { spec = {}, status } = sent;
  const annotations = new KeptAnnotations(sent);
  const { latestResourceSchemas, permissionClaims = [], ...sameSpec } = spec;
  const claims = annotations.take<v1alpha2.PermissionClaim>(CLAIMS);
  const resources = (latestResourceSchemas ?? []).map(resourceOf);
  for (const { index, ...one } of annotations.take<KeptResource>(RESOURCES))
    resources.splice(index ?? resources.length, 0, one);
  annotations.put(OLD_CLAIMS, permissionClaims);
  return {
    apiVersion: 'apis.kcp.io/v1alpha2',
    kind: 'APIExport',
    metadata: annotations.metadataOf(sent),
    spec: {
      ...sameSpec,
      ...(permissionClaims.length > 0 && {
        permissionClaims: permissionClaims.map((one) => unscopedOf(one, claims)),
      }),
      ...(resources.length > 0 && { resources }),
    },
    ...(status !== undefined && { status }),
  };
}

/** `v1.cowboys.wildwest.dev`: the group `core` is the one without a name. */
function resourceOf(schema: string): v1alpha2.ResourceSchema {
  const [, name, ...rest] = schema.split('.');
  if (name === undefined || rest.length === 0)
    throw new BadRequest(
      `invalid schema ${JSON.stringify(schema)}: must have at least 3 dot-separated segments`,
    );
  const group = rest.join('.');
  return { group: group === 'core' ? '' : group, name, schema, storage: { crd: {} } };
}
