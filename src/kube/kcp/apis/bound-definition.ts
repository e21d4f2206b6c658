import type { CustomResourceDefinition } from '../../extensions/types.ts';
import { CLUSTER_ANNOTATION, type Draft } from '../../object.ts';
import type { APIConversion, APIResourceSchema } from '../types/apis-v1alpha1.ts';

/** Where the definitions lie that serve what workspaces have bound: no workspace of anybody. */
export const BOUND_DEFINITIONS_WORKSPACE = 'system:bound-crds';

const BOUND = 'apis.kcp.io/bound-crd';
/** On a bound definition: whose schema it is a copy of. */
export const SCHEMA_CLUSTER_ANNOTATION = 'apis.kcp.io/schema-cluster';
/** On a bound definition: the conversions between its versions, as JSON. */
export const CONVERSIONS_ANNOTATION = 'internal.apis.kcp.io/conversions';
const SCHEMA_NAME = 'apis.kcp.io/schema-name';
const APPROVAL = 'api-approved.kubernetes.io';

/**
 * A schema as the definition that serves it to all its consumers, named by the schema's uid. It is a copy: what is
 * bound goes on when the provider's schema is gone. Source: pkg/reconciler/apis/apibinding generateCRD.
 */
export function boundDefinition(
  schema: APIResourceSchema,
  cluster: string,
  conversions?: APIConversion['spec']['conversions'],
): Draft<CustomResourceDefinition> {
  const { group, names, scope, versions, conversion } = schema.spec;
  const approval = schema.metadata.annotations?.[APPROVAL];
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: schema.metadata.uid!,
      annotations: {
        [CLUSTER_ANNOTATION]: BOUND_DEFINITIONS_WORKSPACE,
        [BOUND]: '',
        [SCHEMA_CLUSTER_ANNOTATION]: cluster,
        [SCHEMA_NAME]: schema.metadata.name,
        ...(conversions !== undefined && { [CONVERSIONS_ANNOTATION]: JSON.stringify(conversions) }),
        ...(approval !== undefined && { [APPROVAL]: approval }),
      },
    },
    spec: {
      group,
      names,
      scope,
      conversion: conversion ?? { strategy: 'None' },
      versions: versions.map(({ schema: openAPIV3Schema, ...version }) => ({
        ...version,
        schema: { openAPIV3Schema },
      })),
    },
  };
}
