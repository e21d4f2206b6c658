import { type DeclType, DYN, listOf, mapOf, scalar } from './cel-type.ts';

/** The variables of admission expressions and their types; k8s.io/apiserver/pkg/admission/plugin/cel/compile.go. */

const STRING = scalar('string');
const TIMESTAMP = scalar('timestamp');

function object(name: string, fields: Readonly<Record<string, DeclType>>): DeclType {
  return {
    kind: 'object',
    name,
    field: (field) => (Object.hasOwn(fields, field) ? fields[field] : undefined),
  };
}

const KIND = object('kubernetes.GroupVersionKind', { group: STRING, version: STRING, kind: STRING });
const RESOURCE = object('kubernetes.GroupVersionResource', {
  group: STRING,
  version: STRING,
  resource: STRING,
});
const USER = object('kubernetes.UserInfo', {
  username: STRING,
  uid: STRING,
  groups: listOf(STRING),
  extra: mapOf(listOf(STRING)),
});
const REQUEST = object('kubernetes.AdmissionRequest', {
  kind: KIND,
  resource: RESOURCE,
  subResource: STRING,
  requestKind: KIND,
  requestResource: RESOURCE,
  requestSubResource: STRING,
  name: STRING,
  namespace: STRING,
  operation: STRING,
  userInfo: USER,
  dryRun: scalar('bool'),
  options: DYN,
});
const NAMESPACE = object('kubernetes.Namespace', {
  metadata: object('kubernetes.NamespaceMetadata', {
    name: STRING,
    generateName: STRING,
    namespace: STRING,
    labels: mapOf(STRING),
    annotations: mapOf(STRING),
    UID: STRING,
    creationTimestamp: TIMESTAMP,
    deletionGracePeriodSeconds: scalar('int'),
    deletionTimestamp: TIMESTAMP,
    generation: scalar('int'),
    resourceVersion: STRING,
    finalizers: listOf(STRING),
  }),
  spec: object('kubernetes.NamespaceSpec', { finalizers: listOf(STRING) }),
  status: object('kubernetes.NamespaceStatus', {
    conditions: listOf(
      object('kubernetes.NamespaceCondition', {
        status: STRING,
        type: STRING,
        lastTransitionTime: TIMESTAMP,
        message: STRING,
        reason: STRING,
      }),
    ),
    phase: STRING,
  }),
});

export interface AdmissionEnvironment {
  /** Of `object` and `oldObject`; default dyn. */
  object?: DeclType | undefined;
  /** Of `params`; undefined where there are none. */
  params?: DeclType | undefined;
  authorizer: boolean;
  /** Of `variables`, by name, as far as they are declared; undefined where there are none at all. */
  variables?: ReadonlyMap<string, DeclType> | undefined;
}

/** The declarations an admission expression is compiled against. */
export function admissionVariables(environment: AdmissionEnvironment): Readonly<Record<string, DeclType>> {
  const { object: ofObject = DYN, params, authorizer, variables } = environment;
  return {
    object: ofObject,
    oldObject: ofObject,
    request: REQUEST,
    namespaceObject: NAMESPACE,
    ...(params !== undefined && { params }),
    ...(authorizer && { authorizer: scalar('opaque') }),
    ...(variables !== undefined && {
      variables: {
        kind: 'object' as const,
        name: 'kubernetes.variables',
        field: (name: string) => variables.get(name),
      },
    }),
  };
}
