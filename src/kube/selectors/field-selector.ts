import { BadRequest } from '../../base/index.ts';

export interface FieldRequirement {
  field: string;
  operator: '=' | '!=';
  value: string;
}

/** k8s.io/apimachinery/pkg/fields.Selector. */
export interface FieldSelector {
  readonly requirements: readonly FieldRequirement[];
  /** `get` gives a field's value; a field that is not there counts as empty. */
  matches(get: (field: string) => string | undefined): boolean;
  toString(): string;
}

/**
 * Reads `status.phase=Running,metadata.name!=x`; `==` is `=`. A backslash escapes `\`, `,` and `=`.
 *
 * @throws BadRequest with Kubernetes' own sentence.
 */
export function parseFieldSelector(text: string): FieldSelector {
  const requirements = splitTerms(text)
    .filter((term) => term !== '')
    .map(parseTerm);
  return {
    requirements,
    matches: (get) =>
      requirements.every(
        ({ field, operator, value }) => ((get(field) ?? '') === value) === (operator === '='),
      ),
    toString: () =>
      requirements.map(({ field, operator, value }) => `${field}${operator}${escaped(value)}`).join(','),
  };
}

function splitTerms(text: string): string[] {
  return text.match(/(?:\\.|[^,\\]|\\$)+/gs) ?? [];
}

function parseTerm(term: string): FieldRequirement {
  const match = /^(?<field>[^=!]*)(?<operator>!=|==|=)(?<value>.*)$/s.exec(term);
  if (match === null) {
    throw new BadRequest(`invalid selector: '${term}'; can't understand '${term}'`);
  }
  const { field, operator, value } = match.groups as { field: string; operator: string; value: string };
  return { field: field.trim(), operator: operator === '!=' ? '!=' : '=', value: unescaped(value, term) };
}

function unescaped(value: string, term: string): string {
  let result = '';
  for (let index = 0; index < value.length; index++) {
    const character = value[index]!;
    if (character === '\\') {
      const next = value[++index];
      if (next !== '\\' && next !== ',' && next !== '=') {
        throw new BadRequest(
          `invalid field selector: invalid escape sequence in '${term}': ${next === undefined ? '\\' : `\\${next}`}`,
        );
      }
      result += next;
    } else if (character === '=' || character === ',') {
      throw new BadRequest(`invalid field selector: unescaped character in value: ${character}`);
    } else {
      result += character;
    }
  }
  return result;
}

function escaped(value: string): string {
  return value.replaceAll(/[\\,=]/g, (character) => `\\${character}`);
}
