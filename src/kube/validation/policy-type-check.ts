import { admissionVariables, CelCompileError, compileCel, type DeclType, DYN } from '../cel/index.ts';
import type { GroupVersionKind } from '../object.ts';
import type { admissionregistrationv1 } from '../types/index.generated.ts';

/** A kind a policy is for, or whose objects are its parameters. */
export interface CheckedKind {
  kind: GroupVersionKind;
  type: DeclType;
}

/**
 * What the expressions of a policy get wrong about the types of the objects they are for; it does not keep the policy
 * from being asked. Source: k8s.io/apiserver/pkg/admission/plugin/policy/validating/typechecking.go.
 */
export function typeCheckPolicy(
  { spec }: admissionregistrationv1.ValidatingAdmissionPolicy,
  kinds: readonly CheckedKind[],
  params: DeclType | undefined,
): admissionregistrationv1.ExpressionWarning[] {
  const variables = spec.variables ?? [];
  const check = (fieldRef: string, expression: string) => {
    const warning = kinds
      .flatMap(({ kind, type }) => {
        const issues = issuesOf(expression, { type, params, variables });
        const { group, version, kind: name } = kind;
        return issues === undefined ? [] : [`${group}/${version}, Kind=${name}: ${issues}\n`];
      })
      .join('\n');
    return warning === '' ? [] : [{ fieldRef, warning }];
  };
  return (spec.validations ?? []).flatMap(({ expression, messageExpression }, index) => {
    const at = `spec.validations[${index}]`;
    return [
      ...check(`${at}.expression`, expression),
      ...(messageExpression ? check(`${at}.messageExpression`, messageExpression) : []),
    ];
  });
}

function issuesOf(
  expression: string,
  about: {
    type: DeclType;
    params: DeclType | undefined;
    variables: readonly admissionregistrationv1.Variable[];
  },
): string | undefined {
  const variables = new Map<string, DeclType>();
  const declared = () =>
    admissionVariables({ object: about.type, params: about.params, authorizer: true, variables });
  for (const one of about.variables) variables.set(one.name, typeOf(one.expression, declared()));
  try {
    compileCel(expression, { variables: declared() });
    return undefined;
  } catch (error) {
    if (!(error instanceof CelCompileError)) throw error;
    return error.message.replace(/^compilation failed: /, '');
  }
}

function typeOf(expression: string, variables: Readonly<Record<string, DeclType>>): DeclType {
  try {
    return compileCel(expression, { variables }).type;
  } catch (error) {
    if (!(error instanceof CelCompileError)) throw error;
    return DYN;
  }
}
