import type { TableColumn } from '../resource.ts';
import type { flowcontrolv1 } from '../types/index.generated.ts';
import { ageColumn, column, nameColumn } from './common-columns.ts';

type Schema = flowcontrolv1.FlowSchema;
type Level = flowcontrolv1.PriorityLevelConfiguration;

export const flowSchemaColumns: readonly TableColumn[] = [
  nameColumn,
  column<Schema>(
    'PriorityLevel',
    'The level its requests get.',
    ({ spec }) => spec?.priorityLevelConfiguration?.name ?? '',
  ),
  column<Schema>(
    'MatchingPrecedence',
    'Lower ones are tried first.',
    ({ spec }) => spec?.matchingPrecedence ?? 0,
  ),
  column<Schema>(
    'DistinguisherMethod',
    'How requests are told apart.',
    ({ spec }) => spec?.distinguisherMethod?.type ?? '<none>',
  ),
  ageColumn,
  column<Schema>(
    'MissingPL',
    'references a broken or non-existent PriorityLevelConfiguration',
    ({ status }) => status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?',
  ),
];

function queuingColumn(
  name: string,
  description: string,
  field: keyof flowcontrolv1.QueuingConfiguration,
): TableColumn {
  return column<Level>(
    name,
    description,
    ({ spec }) => spec?.limited?.limitResponse?.queuing?.[field] ?? '<none>',
  );
}

export const priorityLevelColumns: readonly TableColumn[] = [
  nameColumn,
  column<Level>('Type', 'Whether requests are limited.', ({ spec }) => spec?.type ?? ''),
  column<Level>(
    'NominalConcurrencyShares',
    'Its share of the seats.',
    ({ spec }) => spec?.limited?.nominalConcurrencyShares ?? '<none>',
  ),
  queuingColumn('Queues', 'How many queues there are.', 'queues'),
  queuingColumn('HandSize', 'How many queues a flow is dealt.', 'handSize'),
  queuingColumn('QueueLengthLimit', 'How many requests wait in a queue at most.', 'queueLengthLimit'),
  ageColumn,
];
