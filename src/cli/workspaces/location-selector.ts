import { BadRequest, messageOf } from '../../base/index.ts';
import { type metav1, parseLabelSelector } from '../../kube/index.ts';

const OPERATORS: Readonly<Record<string, string>> = {
  in: 'In',
  notin: 'NotIn',
  exists: 'Exists',
  '!': 'DoesNotExist',
};

/**
 * `--location-selector` as a field: metav1.ParseToLabelSelector of apimachinery.
 *
 * @throws BadRequest for what is no selector, and for operators that the field has no word for
 */
export function locationSelector(text: string): metav1.LabelSelector {
  try {
    const matchLabels: Record<string, string> = {};
    const matchExpressions: metav1.LabelSelectorRequirement[] = [];
    for (const { key, operator, values } of parseLabelSelector(text).requirements) {
      if (operator === '=' || operator === '==') {
        matchLabels[key] = values[0]!;
        continue;
      }
      const word = OPERATORS[operator];
      if (word === undefined) throw new BadRequest(`"${operator}" is not a valid label selector operator`);
      matchExpressions.push({ key, operator: word, ...(values.length > 0 && { values: [...values] }) });
    }
    return {
      ...(Object.keys(matchLabels).length > 0 && { matchLabels }),
      ...(matchExpressions.length > 0 && { matchExpressions }),
    };
  } catch (cause) {
    throw new BadRequest(`invalid location selector: ${messageOf(cause)}`, { cause });
  }
}
