import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { apisV1alpha1Resources, bindingsV1alpha1, exportsV1alpha1 } from './apis-v1alpha1.ts';
import { bindingsResource, exportsResource } from './apis-v1alpha2.ts';
import { toBindingV1alpha1, toBindingV1alpha2 } from './binding-conversion.ts';
import { coreResources } from './core.ts';
import { toExportV1alpha1, toExportV1alpha2 } from './export-conversion.ts';
import { withLifecycle } from './lifecycle/index.ts';
import { tenancyResources } from './tenancy.ts';
import { topologyResources } from './topology.ts';
import type * as v1alpha1 from './types/apis-v1alpha1.ts';
import type * as v1alpha2 from './types/apis-v1alpha2.ts';

/** A version of a kind whose objects are stored as `stored` has them, each with the defaults of its version. */
function viewOf(
  resource: Resource,
  stored: Resource,
  convert: { toStored(object: KubeObject): KubeObject; fromStored(object: KubeObject): KubeObject },
): Resource {
  const withDefaults = ({ schema }: Resource, object: KubeObject): KubeObject => {
    // What is kept of the other version is shared with the cache of stored objects.
    const own = structuredClone(object);
    schema.custom!.applyDefaults(own as unknown as Record<string, unknown>);
    return own;
  };
  const { group, version, name } = stored;
  return {
    ...resource,
    storage: {
      group,
      version,
      name,
      toStored: (object) => withDefaults(stored, convert.toStored(object)),
      fromStored: (object) => withDefaults(resource, convert.fromStored(object)),
    },
  };
}

/**
 * kcp's own kinds, which every workspace has: as the CustomResourceDefinitions of kcp would make them, but built in.
 * Of a kind with several versions the stored one stands first.
 */
export const kcpResources: readonly Resource[] = [
  ...tenancyResources.map(withLifecycle),
  ...coreResources.map(withLifecycle),
  exportsResource,
  bindingsResource,
  viewOf(exportsV1alpha1, exportsResource, {
    toStored: (object) => toExportV1alpha2(object as v1alpha1.APIExport),
    fromStored: (object) => toExportV1alpha1(object as v1alpha2.APIExport),
  }),
  viewOf(bindingsV1alpha1, bindingsResource, {
    toStored: (object) => toBindingV1alpha2(object as v1alpha1.APIBinding),
    fromStored: (object) => toBindingV1alpha1(object as v1alpha2.APIBinding),
  }),
  ...apisV1alpha1Resources,
  ...topologyResources,
];
