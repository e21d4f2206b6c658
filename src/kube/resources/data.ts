import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { configMapColumns, secretColumns, serviceAccountColumns } from '../table/cluster-columns.ts';
import type { corev1 } from '../types/index.generated.ts';
import {
  validateConfigMap,
  validateConfigMapUpdate,
  validateSecret,
  validateSecretUpdate,
} from '../validation/data-objects.ts';
import { builtin, selectable } from './builtin.ts';

export const configMapsResource: Resource = {
  ...builtin({
    kind: 'ConfigMap',
    name: 'configmaps',
    shortNames: ['cm'],
    schema: { ref: 'core/v1.ConfigMap' },
    columns: configMapColumns,
  }),
  validateCreate: (object) => validateConfigMap(object as corev1.ConfigMap),
  validateUpdate: (object, old) =>
    validateConfigMapUpdate(object as corev1.ConfigMap, old as corev1.ConfigMap),
};

/** stringData is write-only: it becomes data, and goes before it. */
function defaultSecret(object: KubeObject): void {
  const secret = object as corev1.Secret;
  secret.type ||= 'Opaque';
  if (secret.stringData !== undefined) {
    const encoded = Object.entries(secret.stringData).map(([key, value]) => [
      key,
      Buffer.from(value).toString('base64'),
    ]);
    if (encoded.length > 0) secret.data = { ...secret.data, ...Object.fromEntries(encoded) };
    delete secret.stringData;
  }
}

export const secretsResource: Resource = {
  ...builtin({
    kind: 'Secret',
    name: 'secrets',
    schema: { ref: 'core/v1.Secret' },
    columns: secretColumns,
  }),
  defaults: defaultSecret,
  // An update without a type means the type it has.
  prepareForUpdate: (object, old) => {
    const secret = object as corev1.Secret;
    const { type } = old as corev1.Secret;
    if (!secret.type && type !== undefined) secret.type = type;
  },
  validateCreate: (object) => validateSecret(object as corev1.Secret),
  validateUpdate: (object, old) => validateSecretUpdate(object as corev1.Secret, old as corev1.Secret),
  selectableFields: selectable<corev1.Secret>({ type: ({ type }) => type }),
};

/** Of the secrets it lists only the names are kept. */
function prepareServiceAccount(object: KubeObject): void {
  const account = object as corev1.ServiceAccount;
  if (account.secrets !== undefined) {
    account.secrets = account.secrets.map(({ name }) => ({ ...(name !== undefined && { name }) }));
  }
}

export const serviceAccountsResource: Resource = {
  ...builtin({
    kind: 'ServiceAccount',
    name: 'serviceaccounts',
    shortNames: ['sa'],
    schema: { ref: 'core/v1.ServiceAccount' },
    subresources: [
      {
        name: 'token',
        verbs: ['create'],
        kind: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
      },
    ],
    columns: serviceAccountColumns,
  }),
  prepareForCreate: prepareServiceAccount,
  prepareForUpdate: prepareServiceAccount,
};
