import { BadRequest } from '../../base/index.ts';
import {
  type FieldSelector,
  type KubeObject,
  type LabelRequirement,
  parseFieldSelector,
  parseLabelSelector,
  type Resource,
  type Selector,
} from '../../kube/index.ts';
import { storedLabels } from '../storage/stored-labels.ts';

/** Which objects of a list or watch the client wants. */
export interface Selection {
  /** Nothing was asked: every object matches without being looked at. */
  readonly everything: boolean;
  /** The one name that can match, when the field selector says so. */
  readonly name?: string;
  matches(object: Readonly<KubeObject>): boolean;
  /** The same of stored bytes; asks for the object only where its labels do not decide. */
  matchesStored(bytes: Uint8Array, object: () => Readonly<KubeObject>): boolean;
}

const EVERYTHING: Selection = { everything: true, matches: () => true, matchesStored: () => true };

/** @throws BadRequest for a selector that cannot be read or a field that cannot be selected by. */
export function readSelection(resource: Resource, query: URLSearchParams | undefined): Selection {
  const labels = query?.get('labelSelector');
  const fields = query?.get('fieldSelector');
  if (!labels && !fields) return EVERYTHING;
  const labelSelector: Selector | undefined = labels ? parseLabelSelector(labels) : undefined;
  const fieldSelector: FieldSelector | undefined = fields ? parseFieldSelector(fields) : undefined;
  for (const { field } of fieldSelector?.requirements ?? []) checkField(resource, field);
  const name = fieldSelector?.requirements.find(
    ({ field, operator }) => field === 'metadata.name' && operator === '=',
  )?.value;
  const needles = (labelSelector?.requirements ?? []).flatMap(needleOf);
  const matchesFields = (object: Readonly<KubeObject>) =>
    fieldSelector?.matches((field) => fieldOf(resource, object, field)) ?? true;
  return {
    everything: false,
    ...(name !== undefined && { name }),
    matches: (object) => (labelSelector?.matches(object.metadata.labels) ?? true) && matchesFields(object),
    matchesStored: (bytes, object) =>
      needles.every((needle) => Buffer.prototype.includes.call(bytes, needle)) &&
      (labelSelector?.matches(storedLabels(bytes)) ?? true) &&
      (fieldSelector === undefined || matchesFields(object())),
  };
}

/** What must stand in the bytes of an object with that label: names and values of labels need no escapes in JSON. */
function needleOf({ key, operator, values }: LabelRequirement): Buffer[] {
  const isOne = (operator === '=' || operator === '==' || operator === 'in') && values.length === 1;
  return isOne ? [Buffer.from(`"${key}":"${values[0]}"`)] : [];
}

function fieldOf(resource: Resource, object: Readonly<KubeObject>, field: string): string | undefined {
  if (field === 'metadata.name') return object.metadata.name;
  if (field === 'metadata.namespace') return object.metadata.namespace;
  return resource.selectableFields?.[field]?.(object);
}

/** k8s.io/apimachinery/pkg/runtime DefaultMetaV1FieldSelectorConversion, and each kind's own. */
function checkField(resource: Resource, field: string): void {
  if (field === 'metadata.name' || field === 'metadata.namespace') return;
  if (Object.hasOwn(resource.selectableFields ?? {}, field)) return;
  throw new BadRequest(
    resource.selectableFields === undefined
      ? `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`
      : `field label not supported: ${field}`,
  );
}
