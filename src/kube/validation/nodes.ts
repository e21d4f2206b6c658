import { append, type FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { semanticallyEqual } from './equality.ts';
import { duplicate, forbidden, invalid, invalidEach } from './field-errors.ts';
import { cidr, labelValue } from './formats.ts';
import { sortedEntries, validateLabelName } from './object-meta.ts';
import { validateResourceQuantity } from './resource-requirements.ts';
import { validateTaintEffect } from './scheduling.ts';

type Node = corev1.Node;

export function validateNode(node: Node): FieldError[] {
  const cidrs = node.spec?.podCIDRs ?? [];
  const errors = [
    // Upstream's path, which says metadata.
    ...validateTaints(node.spec?.taints, 'metadata.taints'),
    ...validateNodeResources(node),
    ...cidrs.flatMap((range, index) => invalidEach(`spec.podCIDRs[${index}]`, range, cidr(range))),
  ];
  const families = cidrs.map((range) => range.includes(':'));
  if (families.length !== new Set(families).size) {
    errors.push(invalid('spec.podCIDRs', cidrs, 'may specify no more than one CIDR for each IP family'));
  }
  return errors;
}

function validateNodeResources(node: Node): FieldError[] {
  return (['capacity', 'allocatable'] as const).flatMap((list) =>
    sortedEntries(node.status?.[list]).flatMap(([name, amount]) =>
      validateResourceQuantity(name, amount, `status.${list}.${name}`),
    ),
  );
}

function validateTaints(taints: readonly corev1.Taint[] | undefined, field: string): FieldError[] {
  const seen = new Set<string>();
  return (taints ?? []).flatMap((taint, index) => {
    const at = `${field}[${index}]`;
    const errors = validateLabelName(taint.key ?? '', `${at}.key`);
    const wrong = labelValue(taint.value ?? '');
    if (wrong.length > 0) errors.push(invalid(`${at}.value`, taint.value, wrong.join(';')));
    append(errors, validateTaintEffect(taint.effect ?? '', `${at}.effect`));
    const pair = `${taint.effect} ${taint.key}`;
    if (seen.has(pair)) errors.push(duplicate(at, taint, 'taints must be unique by key and effect pair'));
    seen.add(pair);
    return errors;
  });
}

const ONCE = 'except from "" to valid';

export function validateNodeUpdate(node: Node, old: Node): FieldError[] {
  const errors = validateNodeResources(node);
  const seen = new Set<string>();
  for (const [index, address] of (node.status?.addresses ?? []).entries()) {
    const key = `${address.type} ${address.address}`;
    if (seen.has(key)) errors.push(duplicate(`status.addresses[${index}]`, address));
    seen.add(key);
  }
  const cidrs = old.spec?.podCIDRs ?? [];
  if (cidrs.length > 0 && !semanticallyEqual(cidrs, node.spec?.podCIDRs)) {
    errors.push(forbidden('spec.podCIDRs', `node updates may not change podCIDR ${ONCE}`));
  }
  if (old.spec?.providerID && old.spec.providerID !== node.spec?.providerID) {
    errors.push(forbidden('spec.providerID', `node updates may not change providerID ${ONCE}`));
  }
  if (old.spec?.externalID !== node.spec?.externalID) {
    errors.push(forbidden('spec.externalID', 'may not be updated'));
  }
  return [...errors, ...validateTaints(node.spec?.taints, 'metadata.taints')];
}
