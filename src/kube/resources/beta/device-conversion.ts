import type { KubeObject } from '../../object.ts';
import type { resourcev1, resourcev1beta1 } from '../../types/index.generated.ts';
import type { OlderShape } from './beta-version.ts';

/**
 * resource.k8s.io/v1beta1 and v1, of which v1 is stored: the older version has a request's own fields beside its
 * name, and what a device is under `basic` (k8s.io/kubernetes/pkg/apis/resource/v1beta1/conversion.go).
 */

type ClaimSpec = resourcev1.ResourceClaimSpec;
type ClaimSpecV1beta1 = resourcev1beta1.ResourceClaimSpec;

export const DEVICE_SHAPES: Readonly<Record<string, OlderShape>> = {
  resourceclaims: { toStored: claimToV1, fromStored: claimFromV1 },
  resourceclaimtemplates: { toStored: templateToV1, fromStored: templateFromV1 },
  resourceslices: { toStored: sliceToV1, fromStored: sliceFromV1 },
};

function claimToV1(object: KubeObject): KubeObject {
  const { spec } = object as resourcev1beta1.ResourceClaim;
  return spec === undefined ? object : withSpec(object, specToV1(spec));
}

function claimFromV1(object: KubeObject): KubeObject {
  const { spec } = object as resourcev1.ResourceClaim;
  return spec === undefined ? object : withSpec(object, specFromV1(spec));
}

function templateToV1(object: KubeObject): KubeObject {
  const { spec } = object as resourcev1beta1.ResourceClaimTemplate;
  return spec?.spec === undefined ? object : withSpec(object, { ...spec, spec: specToV1(spec.spec) });
}

function templateFromV1(object: KubeObject): KubeObject {
  const { spec } = object as resourcev1.ResourceClaimTemplate;
  return spec?.spec === undefined ? object : withSpec(object, { ...spec, spec: specFromV1(spec.spec) });
}

function sliceToV1(object: KubeObject): KubeObject {
  const { spec } = object as resourcev1beta1.ResourceSlice;
  if (spec?.devices === undefined) return object;
  const devices = spec.devices.map(({ name, basic }) => ({ name, ...basic }));
  return withSpec(object, { ...spec, devices });
}

function sliceFromV1(object: KubeObject): KubeObject {
  const { spec } = object as resourcev1.ResourceSlice;
  if (spec?.devices === undefined) return object;
  const devices = spec.devices.map(({ name, ...basic }) => ({ name, basic }));
  return withSpec(object, { ...spec, devices });
}

function withSpec(object: KubeObject, spec: object): KubeObject {
  return { ...object, spec } as KubeObject;
}

function specToV1(spec: ClaimSpecV1beta1): ClaimSpec {
  return spec.devices?.requests === undefined
    ? (spec as ClaimSpec)
    : { ...spec, devices: { ...spec.devices, requests: spec.devices.requests.map(requestToV1) } };
}

function specFromV1(spec: ClaimSpec): ClaimSpecV1beta1 {
  return spec.devices?.requests === undefined
    ? (spec as ClaimSpecV1beta1)
    : { ...spec, devices: { ...spec.devices, requests: spec.devices.requests.map(requestFromV1) } };
}

function requestToV1(request: resourcev1beta1.DeviceRequest): resourcev1.DeviceRequest {
  const { name, firstAvailable, ...exactly } = request;
  return {
    name,
    ...(Object.keys(exactly).length > 0 && { exactly: exactly as resourcev1.ExactDeviceRequest }),
    ...(firstAvailable !== undefined && { firstAvailable }),
  };
}

function requestFromV1(request: resourcev1.DeviceRequest): resourcev1beta1.DeviceRequest {
  const { name, exactly, firstAvailable } = request;
  return { name, ...exactly, ...(firstAvailable !== undefined && { firstAvailable }) };
}
