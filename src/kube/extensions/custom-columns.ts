import type { KubeObject } from '../object.ts';
import type { TableColumn } from '../resource.ts';
import { ageColumn, nameColumn } from '../table/common-columns.ts';
import { ageOf } from '../table/human-duration.ts';
import { compileJsonPath } from './json-path.ts';
import type { CrdVersion } from './types.ts';

/** The columns of a version's table: the name, then what the CRD says, or the age. Source: pkg/registry/customresource/tableconvertor. */
export function customColumns({ additionalPrinterColumns }: CrdVersion): readonly TableColumn[] {
  if (additionalPrinterColumns === undefined || additionalPrinterColumns.length === 0)
    return [nameColumn, ageColumn];
  return [
    nameColumn,
    ...additionalPrinterColumns.map(({ name, type, format, description, priority, jsonPath }) => {
      const path = compileJsonPath(jsonPath);
      return {
        name,
        type,
        format: format ?? '',
        description: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
        priority: priority ?? 0,
        cell: (object: KubeObject, now: Date) => cellOf(path?.(object) ?? [], type, now),
      };
    }),
  ];
}

function cellOf(found: readonly unknown[], type: string, now: Date): string | number | boolean | null {
  if (found.length === 0 || found[0] === null) return type === 'string' && found.length > 0 ? '' : null;
  const value = found.length === 1 ? found[0] : undefined;
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? ageOf(value, now) : null;
    default:
      return found.map(printed).join(' ');
  }
}

function printed(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
