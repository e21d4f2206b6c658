import type { KubeObject } from '../object.ts';
import type { Resource, TableColumn } from '../resource.ts';
import type { metav1 } from '../types/index.generated.ts';
import { ageColumn, nameColumn } from './common-columns.ts';

export interface TableRequest {
  now: Date;
  /** What of the object each row carries: nothing, its metadata (the default of the API), all of it. */
  includeObject: 'None' | 'Metadata' | 'Object';
  metadata: metav1.ListMeta;
}

/**
 * The answer to `Accept: application/json;as=Table;g=meta.k8s.io;v=v1`
 * (k8s.io/apimachinery/pkg/apis/meta/v1.Table). Every column's cell is there, wide ones too; the client
 * leaves out those of a priority above 0.
 */
export function tableOf(
  resource: Resource,
  objects: readonly KubeObject[],
  request: TableRequest,
): metav1.Table {
  const columns = columnsOf(resource);
  return {
    apiVersion: 'meta.k8s.io/v1',
    kind: 'Table',
    metadata: request.metadata,
    columnDefinitions: columns.map(({ name, type, format, description, priority }) => ({
      name,
      type,
      format,
      description,
      priority,
    })),
    rows: objects.map((object) => {
      const conditions = resource.rowConditions?.(object);
      return {
        cells: columns.map((column) => column.cell(object, request.now)),
        ...(conditions !== undefined && { conditions: [...conditions] }),
        object: includedObject(object, request.includeObject),
      };
    }),
  };
}

/** A resource's own columns; NAME in front when it has no name column, NAME and AGE when it has none at all. */
function columnsOf(resource: Resource): readonly TableColumn[] {
  if (resource.columns === undefined) return [nameColumn, ageColumn];
  if (resource.columns.some((column) => column.format === 'name')) return resource.columns;
  return [nameColumn, ...resource.columns];
}

function includedObject(object: KubeObject, include: TableRequest['includeObject']): unknown {
  switch (include) {
    case 'None':
      return null;
    case 'Object':
      return object;
    case 'Metadata':
      return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
  }
}
