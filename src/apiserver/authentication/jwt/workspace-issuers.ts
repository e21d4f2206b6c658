import type { tenancyv1alpha1 } from '../../../kube/index.ts';
import { type JwtIssuer, jwtIssuersOf } from './authentication-configuration.ts';

type Spec = tenancyv1alpha1.WorkspaceAuthenticationConfiguration['spec'];
type Mapping = tenancyv1alpha1.PrefixedClaimOrExpression;

/**
 * The issuers of a WorkspaceAuthenticationConfiguration, whose fields are those of Kubernetes' file; kcp's clients send
 * empty ones for what they do not mean. @throws BadRequest naming the field that is wrong or not supported
 */
export function workspaceIssuersOf({ jwt }: Readonly<Spec>): JwtIssuer[] {
  return jwtIssuersOf(
    (jwt ?? []).map(({ issuer, claimMappings, claimValidationRules, userValidationRules }) => ({
      issuer: {
        url: issuer.url,
        discoveryURL: given(issuer.discoveryURL),
        certificateAuthority: given(issuer.certificateAuthority),
        audiences: issuer.audiences,
        audienceMatchPolicy: given(issuer.audienceMatchPolicy),
      },
      claimMappings: {
        username: mappingOf(claimMappings.username),
        groups: isMeant(claimMappings.groups) ? mappingOf(claimMappings.groups) : undefined,
        uid: isMeant(claimMappings.uid)
          ? { claim: given(claimMappings.uid.claim), expression: given(claimMappings.uid.expression) }
          : undefined,
        extra: claimMappings.extra?.length ? claimMappings.extra : undefined,
      },
      claimValidationRules: claimValidationRules?.map((rule) => ({
        claim: given(rule.claim),
        requiredValue: rule.requiredValue,
        expression: given(rule.expression),
        message: given(rule.message),
      })),
      userValidationRules: userValidationRules?.length ? userValidationRules : undefined,
    })),
  );
}

function given(text: string | undefined): string | undefined {
  return text || undefined;
}

function isMeant<T extends { claim?: string; expression?: string }>(mapping: T | undefined): mapping is T {
  return mapping !== undefined && Boolean(mapping.claim || mapping.expression);
}

function mappingOf(mapping: Mapping | undefined): object | undefined {
  if (mapping === undefined) return undefined;
  return { claim: given(mapping.claim), expression: given(mapping.expression), prefix: mapping.prefix };
}
