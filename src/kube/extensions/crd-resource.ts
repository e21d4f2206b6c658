import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { builtin, statusSubresource } from '../resources/builtin.ts';

import { column, nameColumn } from '../table/common-columns.ts';
import { CLEANUP_FINALIZER, type CustomResourceDefinition, isConditionTrue, setCondition } from './types.ts';
import { validateCrd, validateCrdStatus, validateCrdUpdate } from './validate-crd.ts';

const asCrd = (object: KubeObject) => object as CustomResourceDefinition;

/** The kind that makes kinds: customresourcedefinitions.apiextensions.k8s.io. */
export const customResourceDefinitionsResource: Resource = {
  ...builtin({
    group: 'apiextensions.k8s.io',
    kind: 'CustomResourceDefinition',
    name: 'customresourcedefinitions',
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    namespaced: false,
    schema: { ref: 'apiextensions/v1.CustomResourceDefinition' },
    subresources: [statusSubresource],
    hasGeneration: true,
    columns: [
      nameColumn,
      column<CustomResourceDefinition>(
        'Created At',
        'When the definition was created.',
        ({ metadata }) => metadata.creationTimestamp ?? '',
        { type: 'string' },
      ),
    ],
  }),
  defaults: (object) => {
    defaultCrd(asCrd(object));
  },
  prepareForCreate: (object) => {
    const crd = asCrd(object);
    crd.status = {};
    addStoredVersion(crd);
  },
  prepareForUpdate: (object, old) => {
    const crd = asCrd(object);
    crd.status = structuredClone(asCrd(old).status ?? {});
    addStoredVersion(crd);
  },
  prepareForDelete: (object) => {
    prepareForDelete(asCrd(object));
  },
  validateCreate: (object) => validateCrd(asCrd(object)),
  validateUpdate: (object, old) => validateCrdUpdate(asCrd(object), asCrd(old)),
  validateStatusUpdate: (object) => validateCrdStatus(asCrd(object)),
};

/** k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1/defaults.go. */
function defaultCrd({ spec }: CustomResourceDefinition): void {
  if (spec === undefined) return;
  const { names } = spec;
  if (names?.kind) {
    names.singular ||= names.kind.toLowerCase();
    names.listKind ||= `${names.kind}List`;
  }
  spec.conversion ??= { strategy: 'None' };
  const service = spec.conversion.webhook?.clientConfig?.service;
  if (service !== undefined) service.port ??= 443;
  for (const version of spec.versions ?? [])
    for (const printed of version.additionalPrinterColumns ?? [])
      if (printed.priority === 0) delete printed.priority;
}

function addStoredVersion(crd: CustomResourceDefinition): void {
  const storage = crd.spec?.versions?.find((version) => version.storage)?.name;
  const stored = crd.status?.storedVersions ?? [];
  if (storage !== undefined && !stored.includes(storage))
    crd.status = { ...crd.status, storedVersions: [...stored, storage] };
}

/** The first deletion: instances go before the definition does. */
function prepareForDelete(crd: CustomResourceDefinition): void {
  const { metadata } = crd;
  if (isConditionTrue(crd, 'Terminating') || metadata.deletionTimestamp === undefined) return;
  if (metadata.finalizers?.includes(CLEANUP_FINALIZER) !== true)
    metadata.finalizers = [...(metadata.finalizers ?? []), CLEANUP_FINALIZER];
  setCondition(
    crd,
    {
      type: 'Terminating',
      status: 'True',
      reason: 'InstanceDeletionPending',
      message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
    },
    metadata.deletionTimestamp,
  );
}
