import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { resourceClaimColumns, resourceSliceColumns } from '../table/class-columns.ts';
import type { resourcev1, resourcev1beta2 } from '../types/index.generated.ts';
import { deviceId, validateClaimStatus } from '../validation/claim-status.ts';
import { validateClaimSpec, validateDeviceClass } from '../validation/device-claims.ts';
import { validateTaintRule, validateTaintRuleStatus } from '../validation/device-taint-rules.ts';
import { validateAnnotations, validateImmutable, validateLabels } from '../validation/object-meta.ts';
import { validateResourceSlice, validateResourceSliceUpdate } from '../validation/resource-slices.ts';
import { betaVersion, inOlderShape } from './beta/beta-version.ts';
import { DEVICE_SHAPES } from './beta/device-conversion.ts';
import { builtin, dropStatus, keepStatus, selectable, statusSubresource } from './builtin.ts';

/** resource.k8s.io: devices that pods claim. */

const GROUP = 'resource.k8s.io';
type Claim = resourcev1.ResourceClaim;
type Template = resourcev1.ResourceClaimTemplate;
type Slice = resourcev1.ResourceSlice;

/** resource/v1 SetDefaults_ExactDeviceRequest and SetDefaults_DeviceSubRequest. */
function defaultClaimSpec(spec: resourcev1.ResourceClaimSpec | undefined): void {
  for (const { exactly, firstAvailable = [] } of spec?.devices?.requests ?? []) {
    for (const request of [...(exactly === undefined ? [] : [exactly]), ...firstAvailable]) {
      request.allocationMode ||= 'ExactCount';
      if (request.allocationMode === 'ExactCount') request.count ||= 1;
    }
  }
}

/** What a device that is no longer allocated reported goes; registry/resource/resourceclaim dropDeallocatedStatusDevices. */
function dropDeallocated(object: KubeObject, old: KubeObject): void {
  const idsOf = ({ status }: Claim) => new Set((status?.allocation?.devices?.results ?? []).map(deviceId));
  const [now, before] = [idsOf(object as Claim), idsOf(old as Claim)];
  const { status } = object as Claim;
  if (status?.devices === undefined) return;
  status.devices = status.devices.filter(
    (device) => !before.has(deviceId(device)) || now.has(deviceId(device)),
  );
  if (status.devices.length === 0) delete status.devices;
}

const deviceClassesResource: Resource = {
  ...builtin({
    group: GROUP,
    kind: 'DeviceClass',
    name: 'deviceclasses',
    namespaced: false,
    schema: { ref: 'resource/v1.DeviceClass' },
    hasGeneration: true,
  }),
  validateCreate: (object) => validateDeviceClass(object as resourcev1.DeviceClass),
  validateUpdate: (object) => validateDeviceClass(object as resourcev1.DeviceClass),
};

const resourceClaimsResource: Resource = {
  ...builtin({
    group: GROUP,
    kind: 'ResourceClaim',
    name: 'resourceclaims',
    schema: { ref: 'resource/v1.ResourceClaim' },
    subresources: [statusSubresource],
    columns: resourceClaimColumns,
  }),
  defaults: (object) => defaultClaimSpec((object as Claim).spec),
  prepareForCreate: dropStatus(() => ({})),
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validateClaimSpec((object as Claim).spec, 'spec'),
  validateUpdate: (object, old) => [
    ...validateImmutable((object as Claim).spec, (old as Claim).spec, 'spec'),
    ...validateClaimSpec((object as Claim).spec, 'spec'),
  ],
  prepareForStatusUpdate: dropDeallocated,
  validateStatusUpdate: (object, old) => validateClaimStatus(object as Claim, old as Claim),
};

function validateTemplate({ spec }: Template) {
  return [
    ...validateLabels(spec?.metadata?.labels, 'spec.metadata.labels'),
    ...validateAnnotations(spec?.metadata?.annotations, 'spec.metadata.annotations'),
    ...validateClaimSpec(spec?.spec, 'spec.spec'),
  ];
}

const resourceClaimTemplatesResource: Resource = {
  ...builtin({
    group: GROUP,
    kind: 'ResourceClaimTemplate',
    name: 'resourceclaimtemplates',
    schema: { ref: 'resource/v1.ResourceClaimTemplate' },
  }),
  defaults: (object) => defaultClaimSpec((object as Template).spec?.spec),
  validateCreate: (object) => validateTemplate(object as Template),
  validateUpdate: (object: KubeObject, old: KubeObject) => [
    ...validateImmutable((object as Template).spec, (old as Template).spec, 'spec'),
    ...validateTemplate(object as Template),
  ],
};

const resourceSlicesResource: Resource = {
  ...builtin({
    group: GROUP,
    kind: 'ResourceSlice',
    name: 'resourceslices',
    namespaced: false,
    schema: { ref: 'resource/v1.ResourceSlice' },
    hasGeneration: true,
    columns: resourceSliceColumns,
  }),
  validateCreate: (object) => validateResourceSlice(object as Slice),
  validateUpdate: (object, old) => validateResourceSliceUpdate(object as Slice, old as Slice),
  selectableFields: selectable<Slice>({
    'spec.nodeName': ({ spec }) => spec?.nodeName,
    'spec.driver': ({ spec }) => spec?.driver,
  }),
};

type TaintRule = resourcev1beta2.DeviceTaintRule;

const deviceTaintRulesResource: Resource = {
  ...builtin({
    group: GROUP,
    version: 'v1beta2',
    kind: 'DeviceTaintRule',
    name: 'devicetaintrules',
    namespaced: false,
    schema: { ref: 'resource/v1beta2.DeviceTaintRule' },
    subresources: [statusSubresource],
    hasGeneration: true,
  }),
  prepareForCreate: dropStatus(() => ({})),
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validateTaintRule(object as TaintRule),
  validateUpdate: (object, old) => validateTaintRule(object as TaintRule, old as TaintRule),
  validateStatusUpdate: (object) => validateTaintRuleStatus(object as TaintRule),
};

/** The older versions, of which v1 is stored; k8s.io/kubernetes/pkg/apis/resource/v1beta1. */
function olderVersions(): Resource[] {
  const stable = [
    deviceClassesResource,
    resourceClaimsResource,
    resourceClaimTemplatesResource,
    resourceSlicesResource,
  ];
  return [
    ...stable.map((resource) => betaVersion(resource, 'v1beta2')),
    ...stable.map((resource) => {
      const shapes = DEVICE_SHAPES[resource.name];
      const beta = betaVersion(resource, 'v1beta1');
      return shapes === undefined ? beta : inOlderShape(beta, shapes);
    }),
  ];
}

export const deviceResources: readonly Resource[] = [
  deviceClassesResource,
  resourceClaimsResource,
  resourceClaimTemplatesResource,
  resourceSlicesResource,
  deviceTaintRulesResource,
  ...olderVersions(),
];
