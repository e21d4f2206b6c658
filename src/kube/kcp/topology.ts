import type { JsonSchemaProps } from '../extensions/json-schema.ts';
import type { Resource } from '../resource.ts';
import { AGE_COLUMN, kcpResource } from './definition.ts';
import { conditions, kindSchema, labelSelector, list, struct, text } from './schema-parts.ts';

/** Kinds of topology.kcp.io; facts: kcp config/crds/topology.kcp.io_*.yaml. */
const GROUP = 'topology.kcp.io';
const VERSION = 'v1alpha1';

const partitionSchema = kindSchema(
  'Partition is a set of shards chosen by their labels.',
  { spec: struct('Which shards.', { selector: labelSelector('The labels of the shards; all by default.') }) },
  { required: ['spec'] },
);

const PREFIX = '^[a-z0-9]([-a-z0-9]{0,251}[a-z0-9])?$';
const LABEL = '^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$';
const KEY_MESSAGE =
  `Label key prefixes are optional and limited to 253 characters. They should match "${PREFIX}". ` +
  `Names are limited to 63 characters and should match "${LABEL}". "/" is used as separator.`;

/** CEL that holds for a label key named `key`. */
const keyRule = (key: string) =>
  `${key}.contains("/") ? ${key}.split("/", 2)[0].matches("${PREFIX}") && ` +
  `${key}.split("/", 2)[1].matches("${LABEL}") : ${key}.matches("${LABEL}")`;

const requirement = struct(
  'A key, an operator, and the values it is compared with.',
  {
    key: text('The key of the label.', {
      maxLength: 317,
      'x-kubernetes-validations': [{ rule: keyRule('self'), message: KEY_MESSAGE }],
    }),
    operator: text('How values are compared.', { enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] }),
    values: list(
      'Some for In and NotIn, none for the others.',
      { type: 'string', maxLength: 63, pattern: LABEL },
      { 'x-kubernetes-list-type': 'atomic' },
    ),
  },
  {
    required: ['key', 'operator'],
    'x-kubernetes-validations': [
      {
        rule:
          'self.operator in ["In", "NotIn"] ? size(self.values) > 0 : ' +
          '(self.operator in ["Exists", "DoesNotExist"] ? !has(self.values) : true)',
        message:
          'There should be at least one value for In and NotIn operators. ' +
          'There should not be any value for Exists and DoesNotExist operators.',
      },
    ],
  },
);

const shardSelector: JsonSchemaProps = struct(
  'The labels of the shards; all by default.',
  {
    matchExpressions: list('Requirements that must all hold.', requirement, {
      maxItems: 10,
      'x-kubernetes-list-type': 'atomic',
    }),
    matchLabels: {
      description: 'Labels that must all be there with these values.',
      type: 'object',
      maxProperties: 10,
      additionalProperties: { type: 'string', maxLength: 380 },
      'x-kubernetes-validations': [
        { rule: `self.all(k, ${keyRule('k')})`, message: KEY_MESSAGE },
        {
          rule: `self.all(k, self[k].matches("${LABEL}"))`,
          message: `Label values are limited to 63 characters and should match "${LABEL}".`,
        },
      ],
    },
  },
  { 'x-kubernetes-map-type': 'atomic' },
);

const partitionSetSchema = kindSchema(
  'PartitionSet divides shards into Partitions by the values of some of their labels.',
  {
    spec: struct('Which shards, and by what.', {
      dimensions: list('The keys of the labels.', { type: 'string' }),
      shardSelector,
    }),
    status: struct('What has come of it.', {
      conditions: conditions('Whether it holds.'),
      count: { description: 'How many Partitions there are.', type: 'integer' },
    }),
  },
  { required: ['spec'] },
);

export const topologyResources: readonly Resource[] = [
  kcpResource({
    group: GROUP,
    version: VERSION,
    kind: 'Partition',
    plural: 'partitions',
    hasStatus: false,
    columns: [{ name: 'Owner', type: 'string', jsonPath: '.metadata.ownerReferences[*].name' }, AGE_COLUMN],
    schema: partitionSchema,
  }),
  kcpResource({
    group: GROUP,
    version: VERSION,
    kind: 'PartitionSet',
    plural: 'partitionsets',
    hasStatus: true,
    columns: [
      {
        name: 'Count',
        type: 'string',
        jsonPath: '.status.count',
        description: 'How many Partitions belong to it',
      },
      AGE_COLUMN,
    ],
    schema: partitionSetSchema,
  }),
];
