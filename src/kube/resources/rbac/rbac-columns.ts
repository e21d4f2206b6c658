import type { TableColumn } from '../../resource.ts';
import { ageColumn, column, nameColumn } from '../../table/common-columns.ts';
import type { rbacv1 } from '../../types/index.generated.ts';

type Binding = rbacv1.RoleBinding | rbacv1.ClusterRoleBinding;

export const roleColumns: readonly TableColumn[] = [
  nameColumn,
  column(
    'Created At',
    'When the object was created, in UTC.',
    ({ metadata }) => metadata.creationTimestamp ?? '',
    { format: 'date-time' },
  ),
];

function subjectsColumn(
  name: string,
  kind: string,
  textOf: (subject: rbacv1.Subject) => string = (subject) => subject.name,
): TableColumn {
  return column<Binding>(
    name,
    `Subjects of the kind ${kind}.`,
    ({ subjects }) =>
      (subjects ?? [])
        .filter((subject) => subject.kind === kind)
        .map(textOf)
        .join(', '),
    { wide: true },
  );
}

export const roleBindingColumns: readonly TableColumn[] = [
  nameColumn,
  column<Binding>('Role', 'What it gives.', ({ roleRef }) => `${roleRef?.kind ?? ''}/${roleRef?.name ?? ''}`),
  ageColumn,
  subjectsColumn('Users', 'User'),
  subjectsColumn('Groups', 'Group'),
  subjectsColumn('ServiceAccounts', 'ServiceAccount', ({ namespace, name }) => `${namespace ?? ''}/${name}`),
];
