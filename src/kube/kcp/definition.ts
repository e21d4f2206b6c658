import { customResource } from '../extensions/custom-resource.ts';
import type { JsonSchemaProps } from '../extensions/json-schema.ts';
import type { CrdVersion, CustomResourceDefinition } from '../extensions/types.ts';
import type { Resource } from '../resource.ts';

type Column = NonNullable<CrdVersion['additionalPrinterColumns']>[number];

/** One version of one of kcp's kinds; all are cluster-scoped and in the category `kcp`. */
export interface KcpKind {
  group: string;
  version: string;
  kind: string;
  plural: string;
  shortNames?: string[];
  hasStatus: boolean;
  columns: Column[];
  schema: JsonSchemaProps;
}

export const AGE_COLUMN: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

/** The resource that a CustomResourceDefinition of this kind would make. */
export function kcpResource(described: KcpKind): Resource {
  const { group, kind, plural, shortNames, hasStatus, columns } = described;
  const version: CrdVersion = {
    name: described.version,
    served: true,
    storage: true,
    schema: { openAPIV3Schema: described.schema },
    additionalPrinterColumns: columns,
    ...(hasStatus && { subresources: { status: {} } }),
  };
  const definition: CustomResourceDefinition = {
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Cluster',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        categories: ['kcp'],
        ...(shortNames !== undefined && { shortNames }),
      },
      versions: [version],
    },
  } as CustomResourceDefinition;
  return customResource(definition, version);
}
