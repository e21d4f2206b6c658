import { readFile } from 'node:fs/promises';
import { BadRequest, messageOf } from '../../../base/index.ts';
import {
  ConfigurationFields as Fields,
  inConfigurationFile,
  parseConfiguration,
} from '../../configuration-fields.ts';
import type { AnonymousAccess } from '../authenticator.ts';

/** One issuer of JSON Web Tokens whose users we know; apiserver.config.k8s.io JWTAuthenticator. */
export interface JwtIssuer {
  url: string;
  /** Default: the issuer's own `/.well-known/openid-configuration`. */
  discoveryUrl: string;
  /** PEM; the host's authorities when left out. */
  certificateAuthority?: string;
  audiences: readonly string[];
  requiredClaims: Readonly<Record<string, string>>;
  username: ClaimMapping;
  groups?: ClaimMapping;
  uidClaim?: string;
}

interface ClaimMapping {
  claim: string;
  prefix: string;
}

export interface AuthenticationConfiguration {
  issuers: readonly JwtIssuer[];
  /** Undefined: health only. */
  anonymous?: AnonymousAccess;
}

const GROUP = 'apiserver.config.k8s.io';
const VERSIONS = ['v1', 'v1beta1', 'v1alpha1'];
const CEL = 'CEL expressions are not evaluated here';

/** The configuration in a file. @throws BadRequest when it cannot be read, or naming the field that is wrong. */
export async function readAuthenticationConfiguration(file: string): Promise<AuthenticationConfiguration> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new BadRequest(`the authentication configuration "${file}" cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  }
  return inConfigurationFile(file, () => parseAuthenticationConfiguration(text));
}

/**
 * Kubernetes' structured AuthenticationConfiguration, YAML or JSON. CEL expressions are not supported: refused by name.
 * Source: k8s.io/apiserver/pkg/apis/apiserver (v1), https://kubernetes.io/docs/reference/access-authn-authz/authentication/.
 *
 * @throws BadRequest naming the field.
 */
export async function parseAuthenticationConfiguration(text: string): Promise<AuthenticationConfiguration> {
  const document = await parseConfiguration(text, 'the authentication configuration');
  const root = new Fields(document, '', 'the authentication configuration');
  const apiVersion = root.text('apiVersion');
  const kind = root.text('kind');
  if (
    kind !== 'AuthenticationConfiguration' ||
    !VERSIONS.some((version) => apiVersion === `${GROUP}/${version}`)
  )
    throw new BadRequest(
      `the authentication configuration must be an AuthenticationConfiguration of ${GROUP}/v1, not ${JSON.stringify(kind ?? '')} of ${JSON.stringify(apiVersion ?? '')}`,
    );
  const issuers = issuersIn(root);
  const anonymous = root.object('anonymous');
  const paths = anonymous?.list('conditions').map((one) => {
    const path = one.required('path');
    one.end();
    return path;
  });
  const enabled = anonymous?.flag('enabled') ?? false;
  anonymous?.end();
  root.end();
  return {
    issuers,
    ...(anonymous !== undefined && { anonymous: { enabled, paths: paths?.length ? paths : undefined } }),
  };
}

/** The issuers of a list of JWTAuthenticators, in `spec`. @throws BadRequest naming the field. */
export function jwtIssuersOf(jwt: readonly object[]): JwtIssuer[] {
  return issuersIn(new Fields({ jwt }, 'spec'));
}

function issuersIn(root: Fields): JwtIssuer[] {
  const issuers = root.list('jwt').map(issuerOf);
  const urls = issuers.map(({ url }) => url);
  const twice = urls.findIndex((url, index) => urls.indexOf(url) !== index);
  if (twice < 0) return issuers;
  const at = `${root.path('jwt')}[${twice}].issuer.url`;
  throw new BadRequest(`${at}: Duplicate value: ${JSON.stringify(urls[twice])}`);
}

function issuerOf(entry: Fields): JwtIssuer {
  const issuer = entry.object('issuer') ?? entry.missing('issuer');
  const url = httpsUrl(issuer, 'url', issuer.required('url'));
  const discovery = issuer.text('discoveryURL');
  if (discovery !== undefined) httpsUrl(issuer, 'discoveryURL', discovery);
  const certificateAuthority = issuer.text('certificateAuthority');
  const audiences = issuer.texts('audiences');
  if (audiences.length === 0) issuer.missing('audiences', 'at least one jwt[].issuer.audiences is required');
  const policy = issuer.text('audienceMatchPolicy');
  if (policy !== undefined && policy !== 'MatchAny')
    throw new BadRequest(
      `${issuer.path('audienceMatchPolicy')}: Unsupported value: ${JSON.stringify(policy)}: supported values: "MatchAny"`,
    );
  issuer.end();
  const requiredClaims: Record<string, string> = Object.create(null);
  for (const rule of entry.list('claimValidationRules')) {
    rule.refuse(CEL, 'expression', 'message');
    requiredClaims[rule.required('claim')] = rule.text('requiredValue') ?? '';
    rule.end();
  }
  entry.refuse(CEL, 'userValidationRules');
  const mappings = entry.object('claimMappings') ?? entry.missing('claimMappings');
  mappings.refuse(CEL, 'extra');
  const username = mappings.object('username') ?? mappings.missing('username');
  const groups = mappings.object('groups');
  const uid = mappings.object('uid');
  uid?.refuse(CEL, 'expression');
  const uidClaim = uid?.required('claim');
  uid?.end();
  const result: JwtIssuer = {
    url,
    discoveryUrl: discovery ?? `${url.replace(/\/$/, '')}/.well-known/openid-configuration`,
    ...(certificateAuthority !== undefined && { certificateAuthority }),
    audiences,
    requiredClaims,
    username: mappingOf(username),
    ...(groups !== undefined && { groups: mappingOf(groups) }),
    ...(uidClaim !== undefined && { uidClaim }),
  };
  mappings.end();
  entry.end();
  return result;
}

function mappingOf(mapping: Fields): ClaimMapping {
  mapping.refuse(CEL, 'expression');
  const claim = mapping.required('claim');
  const prefix = mapping.text('prefix');
  if (prefix === undefined)
    mapping.missing(
      'prefix',
      'prefix is required when claim is set. It can be set to an empty string to disable prefixing',
    );
  mapping.end();
  return { claim, prefix: prefix ?? '' };
}

function httpsUrl(fields: Fields, name: string, value: string): string {
  if (!URL.canParse(value) || new URL(value).protocol !== 'https:')
    throw new BadRequest(
      `${fields.path(name)}: Invalid value: ${JSON.stringify(value)}: URL scheme must be https`,
    );
  return value;
}
