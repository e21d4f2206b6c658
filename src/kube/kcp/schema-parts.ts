import type { JsonSchemaProps } from '../extensions/json-schema.ts';

/** Words in which the schemas of kcp's kinds are written: each makes one structural schema, description first. */

type More = Omit<JsonSchemaProps, 'type' | 'description'>;

export function text(description: string, more: More = {}): JsonSchemaProps {
  return { description, type: 'string', ...more };
}

export function flag(description: string, more: More = {}): JsonSchemaProps {
  return { description, type: 'boolean', ...more };
}

export function struct(
  description: string,
  properties: Record<string, JsonSchemaProps>,
  more: More = {},
): JsonSchemaProps {
  return { description, type: 'object', properties, ...more };
}

export function list(description: string, items: JsonSchemaProps, more: More = {}): JsonSchemaProps {
  return { description, type: 'array', items, ...more };
}

/** A list of which each element is told from the others by `keys`. */
export function keyedList(description: string, keys: string[], items: JsonSchemaProps): JsonSchemaProps {
  return list(description, items, { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys });
}

export function set(description: string, items: JsonSchemaProps, more: More = {}): JsonSchemaProps {
  return list(description, items, { 'x-kubernetes-list-type': 'set', ...more });
}

/** A whole object: `spec` and whatever stands beside it. */
export function kindSchema(
  description: string,
  properties: Record<string, JsonSchemaProps>,
  more: More = {},
): JsonSchemaProps {
  return struct(
    description,
    {
      apiVersion: text('The version of the shape of this object: group and version.'),
      kind: text('What this object is.'),
      metadata: { type: 'object' },
      ...properties,
    },
    more,
  );
}

/** kcp's rule for names of logical clusters: `root:org:team`. */
export const PATH_PATTERN = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(:[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$';
const TYPE_NAME_PATTERN = '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?';
const INITIALIZER_PATTERN =
  '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(:[a-z0-9]([-a-z0-9]*[a-z0-9])?)*(:[a-z0-9][a-z0-9]([-a-z0-9]*[a-z0-9])?))|(system:.+)$';

export function initializers(description: string): JsonSchemaProps {
  return list(
    description,
    text('The name of one controller: path of its type, colon, name of its type; or system:….', {
      pattern: INITIALIZER_PATTERN,
    }),
  );
}

export function phase(description: string): JsonSchemaProps {
  return text(description, {
    default: 'Scheduling',
    enum: ['Scheduling', 'Initializing', 'Ready', 'Unavailable', 'Inactive', 'Terminating', 'Deleting'],
  });
}

/** Conditions as kcp has them: a list like any other, with a severity. */
export function conditions(description: string): JsonSchemaProps {
  const item = struct(
    'One observation of the state.',
    {
      lastTransitionTime: text('When the status last changed.', { format: 'date-time' }),
      message: text('What happened, for people; may be empty.'),
      reason: text('Why, in CamelCase.'),
      severity: text('How grave it is; only of conditions that are False.'),
      status: text('True, False or Unknown.'),
      type: text('What is observed, in CamelCase.'),
    },
    { required: ['lastTransitionTime', 'status', 'type'] },
  );
  return list(description, item);
}

const ATOMIC = { 'x-kubernetes-list-type': 'atomic' } as const;

/** The two fields of a label selector. */
export function selectorFields(): Record<string, JsonSchemaProps> {
  const requirement = struct(
    'A key, an operator, and the values it is compared with.',
    {
      key: text('The key of the label.'),
      operator: text('In, NotIn, Exists or DoesNotExist.'),
      values: list('Some for In and NotIn, none for the others.', { type: 'string' }, ATOMIC),
    },
    { required: ['key', 'operator'] },
  );
  return {
    matchExpressions: list('Requirements that must all hold.', requirement, ATOMIC),
    matchLabels: {
      description: 'Labels that must all be there with these values.',
      type: 'object',
      additionalProperties: { type: 'string' },
    },
  };
}

export function labelSelector(description: string): JsonSchemaProps {
  return struct(description, selectorFields(), { 'x-kubernetes-map-type': 'atomic' });
}

export function typeReference(description: string, more: More = {}): JsonSchemaProps {
  return struct(
    description,
    {
      name: text('The name of the WorkspaceType.', { pattern: TYPE_NAME_PATTERN }),
      path: text('The workspace that has the type, from the root: root:org.', { pattern: PATH_PATTERN }),
    },
    { required: ['name'], ...more },
  );
}
