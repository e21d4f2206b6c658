import type { KubeObject } from '../object.ts';
import type { TableColumn } from '../resource.ts';
import type { corev1 } from '../types/index.generated.ts';
import { ageOf } from './human-duration.ts';

type Cell = string | number | boolean | null;

interface ColumnOptions {
  type?: 'string' | 'integer' | 'boolean' | 'date';
  format?: string;
  /** Shown with `-o wide` only. */
  wide?: boolean;
}

/** One column; `cell` may expect the resource's own type, since it is only ever given that. */
export function column<T extends KubeObject>(
  name: string,
  description: string,
  cell: (object: T, now: Date) => Cell,
  options: ColumnOptions = {},
): TableColumn {
  return {
    name,
    type: options.type ?? 'string',
    format: options.format ?? '',
    description,
    priority: options.wide === true ? 1 : 0,
    cell: cell as (object: KubeObject, now: Date) => Cell,
  };
}

export const nameColumn = column('Name', 'The name, unique within the namespace.', (o) => o.metadata.name, {
  format: 'name',
});

export const ageColumn = column('Age', 'Time since the object was created.', (o, now) =>
  ageOf(o.metadata.creationTimestamp, now),
);

/** What kinds without columns of their own show upstream instead of an age. */
export const createdAtColumn = column(
  'Created At',
  'When the object was created.',
  (o) => o.metadata.creationTimestamp ?? '',
  { type: 'date' },
);

/** `a=1,b=2` sorted, or `<none>` (k8s.io/apimachinery/pkg/labels.FormatLabels). */
export function formatLabels(labels: Record<string, string> | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? '<none>' : pairs.sort().join(',');
}

/** The wide columns of everything that has a pod template. */
export function templateColumns<T extends KubeObject>(
  containersOf: (object: T) => readonly corev1.Container[],
): TableColumn[] {
  return [
    column<T>(
      'Containers',
      'Names of the containers of the template.',
      (object) =>
        containersOf(object)
          .map((container) => container.name)
          .join(','),
      { wide: true },
    ),
    column<T>(
      'Images',
      'Images of the containers of the template.',
      (object) =>
        containersOf(object)
          .map((container) => container.image ?? '')
          .join(','),
      { wide: true },
    ),
  ];
}

/** `a,b,c + 2 more...`: at most three of a list, `whenEmpty` for none. */
export function listWithMore(list: readonly string[], whenEmpty: string): string {
  const shown = list.slice(0, 3).join(',');
  if (list.length > 3) return `${shown} + ${list.length - 3} more...`;
  return shown === '' ? whenEmpty : shown;
}
