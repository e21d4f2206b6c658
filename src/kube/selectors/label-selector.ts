import { BadRequest } from '../../base/index.ts';
import type { metav1 } from '../types/index.generated.ts';
import { labelValue, qualifiedName } from '../validation/formats.ts';
import { parseRequirements } from './label-selector-parser.ts';

export type LabelOperator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | '>' | '<';

export interface LabelRequirement {
  key: string;
  operator: LabelOperator;
  /** Sorted, without repeats. */
  values: readonly string[];
}

/** Which sets of labels are meant; k8s.io/apimachinery/pkg/labels.Selector. */
export interface Selector {
  /** Sorted by key. Empty for "everything" and for "nothing". */
  readonly requirements: readonly LabelRequirement[];
  matches(labels: Record<string, string> | undefined): boolean;
  /** True when every set of labels matches. */
  isEmpty(): boolean;
  toString(): string;
}

class RequirementsSelector implements Selector {
  readonly requirements: readonly LabelRequirement[];

  constructor(requirements: readonly LabelRequirement[]) {
    this.requirements = requirements.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  }

  matches(labels: Record<string, string> | undefined): boolean {
    return this.requirements.every((requirement) => requirementMatches(requirement, labels ?? {}));
  }

  isEmpty(): boolean {
    return this.requirements.length === 0;
  }

  toString(): string {
    return this.requirements.map(requirementText).join(',');
  }
}

/** Matches no labels at all; its text is empty, as upstream's. */
export const nothingSelector: Selector = {
  requirements: [],
  matches: () => false,
  isEmpty: () => false,
  toString: () => '',
};

function requirementMatches(requirement: LabelRequirement, labels: Record<string, string>): boolean {
  const present = Object.hasOwn(labels, requirement.key);
  const value = labels[requirement.key] ?? '';
  switch (requirement.operator) {
    case '=':
    case '==':
    case 'in':
      return present && requirement.values.includes(value);
    case '!=':
    case 'notin':
      return !present || !requirement.values.includes(value);
    case 'exists':
      return present;
    case '!':
      return !present;
    case '>':
    case '<':
      return present && integersCompare(value, requirement.values[0]!, requirement.operator);
  }
}

function integersCompare(left: string, right: string, operator: '>' | '<'): boolean {
  if (!INTEGER.test(left) || !INTEGER.test(right)) return false;
  return operator === '>' ? BigInt(left) > BigInt(right) : BigInt(left) < BigInt(right);
}

const INTEGER = /^-?[0-9]+$/;

function requirementText(requirement: LabelRequirement): string {
  const values = requirement.values.join(',');
  switch (requirement.operator) {
    case 'exists':
      return requirement.key;
    case '!':
      return `!${requirement.key}`;
    case 'in':
    case 'notin':
      return `${requirement.key} ${requirement.operator} (${values})`;
    default:
      return `${requirement.key}${requirement.operator}${values}`;
  }
}

/**
 * Reads `app=web,tier in (a,b),!old`.
 *
 * @throws BadRequest with Kubernetes' own sentence.
 */
export function parseLabelSelector(text: string): Selector {
  return new RequirementsSelector(parseRequirements(text).map(checkedRequirement));
}

function checkedRequirement(requirement: LabelRequirement): LabelRequirement {
  const { key, operator, values } = requirement;
  const refuse = (message: string) => {
    throw new BadRequest(`unable to parse requirement: ${message}`);
  };
  const keyErrors = qualifiedName(key);
  if (keyErrors.length > 0) {
    refuse(`<nil>: Invalid value: ${JSON.stringify(key)}: ${keyErrors.join('; ')}`);
  }
  if ((operator === '>' || operator === '<') && !INTEGER.test(values[0]!)) {
    refuse(
      `values[0]: Invalid value: ${JSON.stringify(values[0])}: for 'Gt', 'Lt' operators, the value must be an integer`,
    );
  }
  values.forEach((value, index) => {
    const errors = labelValue(value);
    if (errors.length > 0) {
      refuse(`values[${index}][${key}]: Invalid value: ${JSON.stringify(value)}: ${errors.join('; ')}`);
    }
  });
  return requirement;
}

/** A selector that asks for exactly these labels (equality), for Services and `matchLabels`. */
export function selectorFromLabels(labels: Record<string, string> | undefined): Selector {
  return new RequirementsSelector(
    Object.entries(labels ?? {}).map(([key, value]) => ({ key, operator: '=', values: [value] })),
  );
}

const OPERATORS: Record<string, LabelOperator> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
};

/**
 * The selector of a field of type metav1.LabelSelector: none given matches nothing, an empty one everything.
 *
 * @throws BadRequest when an operator is unknown (a validated object has none).
 */
export function labelSelectorAsSelector(selector: metav1.LabelSelector | undefined): Selector {
  if (selector === undefined || selector === null) return nothingSelector;
  const requirements: LabelRequirement[] = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({
    key,
    operator: '=',
    values: [value],
  }));
  for (const expression of selector.matchExpressions ?? []) {
    const operator = OPERATORS[expression.operator];
    if (operator === undefined) {
      throw new BadRequest(`"${expression.operator}" is not a valid label selector operator`);
    }
    requirements.push({
      key: expression.key,
      operator,
      values: [...new Set(expression.values ?? [])].sort(),
    });
  }
  return new RequirementsSelector(requirements);
}

/** The text of a metav1.LabelSelector in tables and in Scale's status.selector. */
export function formatLabelSelector(selector: metav1.LabelSelector | undefined): string {
  const text = labelSelectorAsSelector(selector).toString();
  return text === '' ? '<none>' : text;
}
