import type { CustomResourceDefinition } from './types.ts';

/** https://github.com/kubernetes/enhancements/pull/1111: groups of the community need its approval. */
const ANNOTATION = 'api-approved.kubernetes.io';

export function isProtectedGroup(group: string): boolean {
  return /(^|\.)(k8s|kubernetes)\.io$/.test(group);
}

export interface Approval {
  state: 'approved' | 'bypassed' | 'missing' | 'invalid';
  message: string;
}

/** Only of protected groups. Source: k8s.io/apiextensions-apiserver/pkg/apihelpers GetAPIApprovalState. */
export function approvalOf({ metadata }: Pick<CustomResourceDefinition, 'metadata'>): Approval {
  const value = metadata.annotations?.[ANNOTATION];
  if (!value)
    return {
      state: 'missing',
      message: `protected groups must have approval annotation "${ANNOTATION}", see https://github.com/kubernetes/enhancements/pull/1111`,
    };
  if (value.startsWith('unapproved'))
    return { state: 'bypassed', message: `not approved: ${JSON.stringify(value)}` };
  if (URL.canParse(value) && new URL(value).host !== '')
    return { state: 'approved', message: `approved in ${value}` };
  return {
    state: 'invalid',
    message: `protected groups must have approval annotation "${ANNOTATION}" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111`,
  };
}
