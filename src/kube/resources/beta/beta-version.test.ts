import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../object.ts';
import type { Resource } from '../../resource.ts';
import { applyDefaults, decodeObject } from '../../schema/index.ts';
import { fieldErrorText } from '../../validation/field-errors.ts';
import { validateCreate, validateStatusUpdate } from '../../validation/validate.ts';
import { builtinResources } from '../builtin-resources.ts';
import { olderSamples, samples } from '../samples.test-data.ts';

function resourceOf(name: string, version: string): Resource {
  return builtinResources.find((one) => one.name === name && one.version === version)!;
}

function defaulted(resource: Resource, body: unknown): KubeObject {
  const { object } = decodeObject(resource, structuredClone(body), 'Strict');
  applyDefaults(resource, object);
  return object;
}

function errorsOf(resource: Resource, body: unknown): string[] {
  return validateCreate(resource, defaulted(resource, body)).map(fieldErrorText);
}

describe('a beta version of a stable kind', () => {
  test.each(['resourceclaims', 'resourceclaimtemplates', 'resourceslices'])(
    '%s of v1beta1 is the same after the way to what is stored and back',
    (name) => {
      const resource = resourceOf(name, 'v1beta1');
      const body = {
        ...olderSamples[`resource.k8s.io/${name}@v1beta1`]!,
        apiVersion: 'resource.k8s.io/v1beta1',
      };
      const object = defaulted(resource, body);
      const stored = resource.storage!.toStored(object);
      expect(stored.apiVersion).toBe('resource.k8s.io/v1');
      expect(errorsOf(resourceOf(name, 'v1'), stored)).toEqual([]);
      expect(resource.storage!.fromStored(stored)).toEqual(object);
    },
  );

  test('is defaulted as the stable one is', () => {
    const body = {
      ...olderSamples['resource.k8s.io/resourceclaims@v1beta1']!,
      apiVersion: 'resource.k8s.io/v1beta1',
    };
    const { spec } = defaulted(resourceOf('resourceclaims', 'v1beta1'), body) as KubeObject & {
      spec: { devices: { requests: unknown[] } };
    };
    expect(spec.devices.requests[0]).toMatchObject({ allocationMode: 'ExactCount', count: 1 });
  });

  test('with the same fields differs in its version only', () => {
    const resource = resourceOf('ipaddresses', 'v1beta1');
    const object = {
      ...samples['networking.k8s.io/ipaddresses']!,
      apiVersion: 'networking.k8s.io/v1beta1',
      metadata: { name: '10.0.0.1' },
    } as KubeObject;
    expect(resource.storage!.toStored(object)).toEqual({ ...object, apiVersion: 'networking.k8s.io/v1' });
    expect(resource.schema.ref).toBe('networking/v1beta1.IPAddress');
  });
});

describe('a ClusterTrustBundle', () => {
  const resource = resourceOf('clustertrustbundles', 'v1beta1');
  const sample = samples['certificates.k8s.io/clustertrustbundles']! as KubeObject & {
    spec: { trustBundle: string };
  };
  const anchor = sample.spec.trustBundle;

  test('holds each authority once, and nothing but authorities', () => {
    const bundle = (trustBundle: string) => errorsOf(resource, { ...sample, spec: { trustBundle } });
    const field = 'spec.trustBundle: Invalid value: "<value omitted>"';
    expect(bundle(`${anchor}\n${anchor}`)).toEqual([`${field}: duplicate trust anchor (indices [0 1])`]);
    expect(bundle('nothing')).toEqual([`${field}: at least one trust anchor must be provided`]);
    expect(bundle(anchor.replaceAll('CERTIFICATE', 'PUBLIC KEY'))).toEqual([
      `${field}: entry 0 has bad block type: PUBLIC KEY`,
    ]);
    expect(bundle('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----')).toEqual([
      `${field}: entry 0 does not parse as X.509`,
    ]);
  });

  test('of a signer bears its name', () => {
    const named = (name: string, signerName?: string) =>
      errorsOf(resource, { ...sample, metadata: { name }, spec: { ...sample.spec, signerName } });
    expect(named('example.com:mesh:v1', 'example.com/mesh')).toEqual([]);
    expect(named('v1', 'example.com/mesh')).toEqual([
      'metadata.name: Invalid value: "v1": ClusterTrustBundle for signerName example.com/mesh must be named with prefix example.com:mesh:',
    ]);
    expect(named('a:b')).toEqual([
      'metadata.name: Invalid value: "a:b": ClusterTrustBundle without signer name must not have ":" in its name',
    ]);
  });
});

describe('a PodCertificateRequest', () => {
  const resource = resourceOf('podcertificaterequests', 'v1beta1');
  const sample = samples['certificates.k8s.io/podcertificaterequests']! as KubeObject & { spec: object };
  const withSpec = (spec: object) => ({ ...sample, spec: { ...sample.spec, ...spec } });

  test('lives a day at most with a signer of Kubernetes, and an hour at least', () => {
    expect(errorsOf(resource, withSpec({ maxExpirationSeconds: 100 }))).toEqual([
      'spec.maxExpirationSeconds: Invalid value: 100: must be in the range [3600, 7862400]',
    ]);
    const signerName = 'kubernetes.io/kube-apiserver-client-pod';
    expect(errorsOf(resource, withSpec({ signerName, maxExpirationSeconds: 90_000 }))).toEqual([
      'spec.maxExpirationSeconds: Invalid value: 90000: must be in the range [3600, 86400]',
    ]);
  });

  test('proves that its key is its own', () => {
    expect(errorsOf(resource, withSpec({ stubPKCS10Request: 'AAAA' }))).toHaveLength(1);
    expect(errorsOf(resource, withSpec({ stubPKCS10Request: undefined, pkixPublicKey: 'AAAA' }))).toEqual([
      'spec.pkixPublicKey: Invalid value: "AAAA": must be a valid PKIX-serialized public key',
    ]);
  });

  test('ends once, denied, failed or issued', () => {
    const now = new Date('2026-01-01T00:00:00Z');
    const condition = {
      type: 'Denied',
      status: 'True',
      reason: 'No',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    const at = (status: object) =>
      ({
        ...sample,
        metadata: { ...sample.metadata, uid: 'u', resourceVersion: '7' },
        status,
      }) as unknown as KubeObject;
    const change = (before: object, after: object) =>
      validateStatusUpdate(resource, at(after), at(before), { now }).map(fieldErrorText);
    expect(change({}, { conditions: [condition] })).toEqual([]);
    expect(change({ conditions: [condition] }, { conditions: [{ ...condition, reason: 'Yes' }] })).toEqual([
      'status: Invalid value: "<value omitted>": immutable after PodCertificateRequest is issued, denied, or failed',
    ]);
    expect(change({}, { certificateChain: 'x' })).toEqual([
      'status: Invalid value: "<value omitted>": status is immutable unless transitioning to "Issued", "Denied", or "Failed"',
    ]);
    expect(change({}, { conditions: [{ ...condition, type: 'Issued' }] })).toEqual([
      'status.certificateChain: Invalid value: "": issued certificate chain must contain at least one certificate',
    ]);
  });
});
