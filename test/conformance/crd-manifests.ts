/** Definitions in the shapes that others ship: cert-manager, Gateway API, prometheus-operator, and upstream's CronTab. */
const QUANTITY =
  '^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$';

// biome-ignore lint/suspicious/noExplicitAny: manifests as they stand in files.
type Json = any;

function definition(group: string, names: Json, versions: Json[], more: Json = {}): Json {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${names.plural}.${group}`, ...more.metadata },
    spec: { group, scope: 'Namespaced', names, versions, ...more.spec },
  };
}

export function cronTabs(group: string): Json {
  const properties = {
    cronSpec: {
      type: 'string',
      pattern: '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$',
      description: 'When it runs.',
    },
    image: { type: 'string' },
    replicas: { type: 'integer', minimum: 1, maximum: 10, default: 1 },
  };
  return definition(
    group,
    { plural: 'crontabs', singular: 'crontab', kind: 'CronTab', shortNames: ['ct'], categories: ['all'] },
    [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: { type: 'object', properties, required: ['cronSpec'], description: 'What to run.' },
              status: {
                type: 'object',
                properties: { replicas: { type: 'integer' }, labelSelector: { type: 'string' } },
              },
            },
          },
        },
        subresources: {
          status: {},
          scale: {
            specReplicasPath: '.spec.replicas',
            statusReplicasPath: '.status.replicas',
            labelSelectorPath: '.status.labelSelector',
          },
        },
        additionalPrinterColumns: [
          { name: 'Spec', type: 'string', description: 'The cron spec', jsonPath: '.spec.cronSpec' },
          { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
          { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
        ],
      },
    ],
  );
}

const CONDITION = {
  type: 'object',
  required: ['lastTransitionTime', 'message', 'reason', 'status', 'type'],
  properties: {
    lastTransitionTime: { type: 'string', format: 'date-time' },
    message: { type: 'string', maxLength: 32768 },
    observedGeneration: { type: 'integer', format: 'int64', minimum: 0 },
    reason: {
      type: 'string',
      minLength: 1,
      maxLength: 1024,
      pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
    },
    status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
    type: { type: 'string', maxLength: 316 },
  },
};

/** Gateway API's HTTPRoute, with its kind of CEL rules. */
export function httpRoutes(group: string): Json {
  const parentRef = {
    type: 'object',
    required: ['name'],
    properties: {
      group: { type: 'string', default: 'gateway.networking.k8s.io', maxLength: 253 },
      kind: { type: 'string', default: 'Gateway', minLength: 1, maxLength: 63 },
      name: { type: 'string', minLength: 1, maxLength: 253 },
      namespace: { type: 'string' },
      port: { type: 'integer', format: 'int32', minimum: 1, maximum: 65535 },
      sectionName: { type: 'string', minLength: 1, maxLength: 253 },
    },
  };
  const path = {
    type: 'object',
    default: { type: 'PathPrefix', value: '/' },
    properties: {
      type: { type: 'string', default: 'PathPrefix', enum: ['Exact', 'PathPrefix', 'RegularExpression'] },
      value: { type: 'string', default: '/', maxLength: 1024 },
    },
    'x-kubernetes-validations': [
      {
        message: "value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']",
        rule: "(self.type in ['Exact','PathPrefix']) ? self.value.startsWith('/') : true",
      },
      {
        message: 'must only contain valid characters',
        rule: '(self.type in [\'Exact\',\'PathPrefix\']) ? self.value.matches(r"""^(?:[-A-Za-z0-9/._~!$&\'()*+,;=:@]|[%][0-9a-fA-F]{2})+$""") : true',
      },
    ],
  };
  const rules = {
    type: 'array',
    maxItems: 16,
    minItems: 1,
    default: [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }] }],
    items: {
      type: 'object',
      properties: {
        name: { type: 'string', maxLength: 253 },
        matches: { type: 'array', maxItems: 64, items: { type: 'object', properties: { path } } },
        backendRefs: {
          type: 'array',
          maxItems: 16,
          items: {
            type: 'object',
            required: ['name'],
            properties: {
              group: { type: 'string', default: '', maxLength: 253 },
              kind: { type: 'string', default: 'Service', maxLength: 63 },
              name: { type: 'string' },
              port: { type: 'integer', format: 'int32' },
              weight: { type: 'integer', default: 1, minimum: 0, maximum: 1000000 },
            },
            'x-kubernetes-validations': [
              {
                message: 'Must have port for Service reference',
                rule: "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true",
              },
            ],
          },
        },
      },
    },
    'x-kubernetes-validations': [
      {
        message: 'Rule name must be unique within the route',
        rule: 'self.all(l1, !has(l1.name) || self.exists_one(l2, has(l2.name) && l1.name == l2.name))',
      },
    ],
  };
  const version = {
    name: 'v1',
    served: true,
    storage: true,
    subresources: { status: {} },
    additionalPrinterColumns: [{ name: 'Hostnames', type: 'string', jsonPath: '.spec.hostnames' }],
    schema: {
      openAPIV3Schema: {
        type: 'object',
        required: ['spec'],
        properties: {
          apiVersion: { type: 'string' },
          kind: { type: 'string' },
          metadata: { type: 'object' },
          spec: {
            type: 'object',
            properties: {
              hostnames: {
                type: 'array',
                maxItems: 16,
                items: {
                  type: 'string',
                  minLength: 1,
                  maxLength: 253,
                  pattern: '^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
                },
              },
              parentRefs: {
                type: 'array',
                maxItems: 32,
                items: parentRef,
                'x-kubernetes-list-type': 'atomic',
                'x-kubernetes-validations': [
                  {
                    message:
                      'sectionName or port must be unique when parentRefs includes 2 or more references to the same parent',
                    rule: 'self.all(p1, self.exists_one(p2, p1.group == p2.group && p1.kind == p2.kind && p1.name == p2.name && (has(p1.sectionName) == has(p2.sectionName)) && (!has(p1.sectionName) || p1.sectionName == p2.sectionName)))',
                  },
                ],
              },
              rules,
            },
          },
          status: {
            type: 'object',
            properties: {
              parents: {
                type: 'array',
                items: {
                  type: 'object',
                  properties: {
                    conditions: {
                      type: 'array',
                      items: CONDITION,
                      'x-kubernetes-list-type': 'map',
                      'x-kubernetes-list-map-keys': ['type'],
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
  };
  return definition(group, { plural: 'httproutes', kind: 'HTTPRoute', categories: ['gateway-api'] }, [
    version,
  ]);
}

/** prometheus-operator's kind: many optional fields, quantities, embedded pod parts kept as they are. */
export function prometheuses(group: string, fields = 300): Json {
  const properties: Json = {
    replicas: { type: 'integer', format: 'int32' },
    retention: {
      type: 'string',
      pattern: '^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$',
    },
    resources: {
      type: 'object',
      properties: {
        limits: {
          type: 'object',
          additionalProperties: {
            anyOf: [{ type: 'integer' }, { type: 'string' }],
            pattern: QUANTITY,
            'x-kubernetes-int-or-string': true,
          },
        },
      },
    },
    volumes: { type: 'array', items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
  };
  for (let i = 0; i < fields; i++)
    properties[`field${i}`] = {
      type: 'object',
      description: `Field ${i} says something about the deployment that an operator may want to set; most leave it.`,
      properties: {
        enabled: { type: 'boolean' },
        value: { type: 'string' },
        number: { type: 'integer', format: 'int64' },
      },
    };
  return definition(group, { plural: 'prometheuses', kind: 'Prometheus', shortNames: ['prom'] }, [
    {
      name: 'v1',
      served: true,
      storage: true,
      subresources: { status: {} },
      schema: {
        openAPIV3Schema: {
          type: 'object',
          required: ['spec'],
          properties: {
            spec: { type: 'object', properties },
            status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          },
        },
      },
    },
  ]);
}
