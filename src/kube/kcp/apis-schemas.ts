import { flag, keyedList, kindSchema, list, struct, text } from './schema-parts.ts';

/** Schemas of the kinds that describe schemas; facts: kcp config/crds/apis.kcp.io_api{resourceschema,conversion}s.yaml. */

const VERSION_NAME = { minLength: 1, pattern: '^v[1-9][0-9]*([a-z]+[1-9][0-9]*)?$' };
const strings = (description: string) => list(description, { type: 'string' });

const conversion = struct(
  'How objects are converted from one version to another.',
  {
    strategy: text('None changes the version alone; Webhook asks somebody.'),
    webhook: struct(
      'Who is asked.',
      {
        clientConfig: struct('Where.', {
          caBundle: text('PEM of the authority that signs its certificate.', { format: 'byte' }),
          url: text('Its address; https.'),
        }),
        conversionReviewVersions: list(
          'Versions of the question that it understands, best first.',
          { type: 'string' },
          { 'x-kubernetes-list-type': 'atomic' },
        ),
      },
      { required: ['conversionReviewVersions'] },
    ),
  },
  { required: ['strategy'] },
);

const names = struct(
  'What the resource and its kind are called.',
  {
    categories: strings('Groups of resources it belongs to: all.'),
    kind: text('The kind, in CamelCase.'),
    listKind: text('The kind of its lists.'),
    plural: text('The name in URLs.'),
    shortNames: strings('Short names for it.'),
    singular: text('Its singular name.'),
  },
  { required: ['kind', 'plural'] },
);

const columns = keyedList(
  'Columns of its tables.',
  ['name'],
  struct(
    'One column.',
    {
      description: text('What it shows.'),
      format: text('An OpenAPI format.'),
      jsonPath: text('Where the value stands.'),
      name: text('Its head.'),
      priority: { description: '0 is shown always.', type: 'integer', format: 'int32' },
      type: text('An OpenAPI type.'),
    },
    { required: ['jsonPath', 'name', 'type'] },
  ),
);

const subresources = struct('Its subresources.', {
  scale: struct(
    'Where the numbers of its Scale stand.',
    {
      labelSelectorPath: text('The path of the selector.'),
      specReplicasPath: text('The path of the wanted replicas.'),
      statusReplicasPath: text('The path of the present replicas.'),
    },
    { required: ['specReplicasPath', 'statusReplicasPath'] },
  ),
  status: { description: 'Its status is changed through a subresource.', type: 'object' },
});

const version = struct(
  'One version.',
  {
    additionalPrinterColumns: columns,
    deprecated: flag('Whether its users are warned.'),
    deprecationWarning: text('What they are told.'),
    name: text('Its name: v1beta1.', VERSION_NAME),
    schema: {
      description: 'The structural schema of its objects.',
      type: 'object',
      'x-kubernetes-map-type': 'atomic',
      'x-kubernetes-preserve-unknown-fields': true,
    },
    served: flag('Whether it is served.', { default: true }),
    storage: flag('Whether objects are stored in it; of one version.'),
    subresources,
  },
  { required: ['name', 'schema', 'served', 'storage'] },
);

export const apiResourceSchemaSchema = kindSchema(
  'APIResourceSchema describes a resource that APIExports may export; it never changes.',
  {
    spec: struct(
      'The resource.',
      {
        conversion,
        group: text('Its group; empty for the core group.'),
        nameValidation: text('What names of its objects may be.', {
          default: 'DNS1123Subdomain',
          enum: ['DNS1123Subdomain', 'PathSegmentName'],
        }),
        names,
        scope: text('Whether its objects lie in namespaces.', { enum: ['Cluster', 'Namespaced'] }),
        versions: {
          ...keyedList('Its versions.', ['name'], version),
          minItems: 1,
        },
      },
      { required: ['group', 'names', 'scope', 'versions'] },
    ),
  },
);

const conversionRule = struct(
  'What becomes of one field.',
  {
    destination: text('The field of the target version: .spec.name.first.', { minLength: 1 }),
    field: text('The field it comes from.', { minLength: 1 }),
    transformation: text('A CEL expression over self, the old value.'),
  },
  { required: ['destination', 'field'] },
);

export const apiConversionSchema = kindSchema(
  'APIConversion says how objects of the APIResourceSchema of its name are converted.',
  {
    spec: struct(
      'The rules.',
      {
        conversions: keyedList(
          'From which version to which.',
          ['from', 'to'],
          struct(
            'Rules for two versions.',
            {
              from: text('The version that is there.', VERSION_NAME),
              preserve: strings('Fields that are kept in an annotation, for the way back.'),
              rules: keyedList('What becomes of fields.', ['destination'], conversionRule),
              to: text('The version that is wanted.', VERSION_NAME),
            },
            { required: ['from', 'rules', 'to'] },
          ),
        ),
      },
      { required: ['conversions'] },
    ),
  },
  { required: ['metadata', 'spec'] },
);
