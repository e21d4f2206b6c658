import { readFile } from 'node:fs/promises';
import { BadRequest, messageOf } from '../../base/index.ts';
import { inConfigurationFile, parseConfiguration } from '../configuration-fields.ts';

/** How much of a request is written down, less to more. */
export type AuditLevel = 'None' | 'Metadata' | 'Request' | 'RequestResponse';
export type AuditStage = 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete' | 'Panic';

export interface AuditPolicy {
  rules: readonly AuditRule[];
  omitStages: readonly AuditStage[];
  omitManagedFields: boolean;
}

interface AuditRule {
  level: AuditLevel;
  users?: readonly string[];
  userGroups?: readonly string[];
  verbs?: readonly string[];
  resources?: readonly { group?: string; resources?: readonly string[]; resourceNames?: readonly string[] }[];
  namespaces?: readonly string[];
  nonResourceURLs?: readonly string[];
  omitStages?: readonly AuditStage[];
  omitManagedFields?: boolean;
}

/** What a policy looks at. */
export interface AuditAttributes {
  user: { name: string; groups: readonly string[] };
  verb: string;
  path: string;
  resource?: { group: string; name: string; subresource: string; namespace: string; objectName: string };
}

export interface AuditDecision {
  level: AuditLevel;
  omitStages: ReadonlySet<AuditStage>;
  omitManagedFields: boolean;
}

export const AUDIT_LEVELS: readonly AuditLevel[] = ['None', 'Metadata', 'Request', 'RequestResponse'];
const STAGES: readonly AuditStage[] = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'];
const STRING_LISTS = ['users', 'userGroups', 'verbs', 'namespaces', 'nonResourceURLs', 'omitStages'] as const;
const RULE_FIELDS = new Set<string>(['level', 'resources', 'omitManagedFields', ...STRING_LISTS]);
const POLICY_FIELDS = new Set(['apiVersion', 'kind', 'metadata', 'rules', 'omitStages', 'omitManagedFields']);

/** The policy in a file. @throws BadRequest when it cannot be read, or naming the field that is wrong. */
export async function readAuditPolicy(file: string): Promise<AuditPolicy> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new BadRequest(`the audit policy "${file}" cannot be read: ${messageOf(cause)}`, { cause });
  }
  return inConfigurationFile(file, () => parseAuditPolicy(text));
}

/**
 * Kubernetes' audit.k8s.io/v1 Policy, YAML or JSON.
 * Source: https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/ and its validation upstream.
 *
 * @throws BadRequest naming the field.
 */
export async function parseAuditPolicy(text: string): Promise<AuditPolicy> {
  const document = await parseConfiguration(text, 'the audit policy');
  const root = recordAt(document, '', POLICY_FIELDS);
  if (root.apiVersion !== 'audit.k8s.io/v1') throw wrong('apiVersion', 'must be audit.k8s.io/v1');
  if (root.kind !== 'Policy') throw wrong('kind', 'must be Policy');
  if (!Array.isArray(root.rules) || root.rules.length === 0) throw wrong('rules', 'must hold a rule');
  return {
    rules: root.rules.map((rule, index) => ruleAt(rule, `rules[${index}]`)),
    omitStages: stagesAt(root.omitStages, 'omitStages'),
    omitManagedFields: flagAt(root.omitManagedFields, 'omitManagedFields') ?? false,
  };
}

function ruleAt(value: unknown, path: string): AuditRule {
  const rule = recordAt(value, path, RULE_FIELDS);
  if (!AUDIT_LEVELS.includes(rule.level as AuditLevel))
    throw wrong(`${path}.level`, `must be one of ${AUDIT_LEVELS.join(', ')}`);
  for (const name of STRING_LISTS) stringsAt(rule[name], `${path}.${name}`);
  stagesAt(rule.omitStages, `${path}.omitStages`);
  flagAt(rule.omitManagedFields, `${path}.omitManagedFields`);
  if (rule.resources !== undefined && !Array.isArray(rule.resources))
    throw wrong(`${path}.resources`, 'must be a list');
  for (const [index, one] of ((rule.resources ?? []) as unknown[]).entries()) {
    const at = `${path}.resources[${index}]`;
    const { group, resources, resourceNames } = recordAt(
      one,
      at,
      new Set(['group', 'resources', 'resourceNames']),
    );
    if (group !== undefined && (typeof group !== 'string' || group.includes('/')))
      throw wrong(`${at}.group`, 'must be a group without a version');
    stringsAt(resources, `${at}.resources`);
    stringsAt(resourceNames, `${at}.resourceNames`);
  }
  const urls = (rule.nonResourceURLs ?? []) as string[];
  if (
    urls.length > 0 &&
    (((rule.resources as unknown[]) ?? []).length > 0 || ((rule.namespaces as unknown[]) ?? []).length > 0)
  )
    throw wrong(
      `${path}.nonResourceURLs`,
      'rules cannot apply to both regular resources and non-resource URLs',
    );
  for (const url of urls)
    if (url !== '*' && (!url.startsWith('/') || url.slice(0, -1).includes('*')))
      throw wrong(
        `${path}.nonResourceURLs`,
        `${JSON.stringify(url)} must begin with "/" and have "*" only at its end`,
      );
  return rule as unknown as AuditRule;
}

/** The first rule that matches decides; what none matches is not written. */
export function decideAudit(policy: AuditPolicy, attributes: AuditAttributes): AuditDecision {
  const rule = policy.rules.find((one) => matches(one, attributes));
  return {
    level: rule === undefined ? 'None' : heldBack(rule, attributes),
    omitStages: new Set([...policy.omitStages, ...(rule?.omitStages ?? [])]),
    omitManagedFields: rule?.omitManagedFields ?? policy.omitManagedFields,
  };
}

/**
 * Tokens are never written, and the content of Secrets only by a rule that names them: a rule for everything is not
 * taken to mean that passwords shall stand in a log file. (Upstream writes both.)
 */
function heldBack(rule: AuditRule, { resource }: AuditAttributes): AuditLevel {
  if (resource === undefined || rule.level === 'None') return rule.level;
  const { group, name, subresource } = resource;
  const isToken =
    (name === 'serviceaccounts' && subresource === 'token') ||
    (group === 'authentication.k8s.io' && name === 'tokenreviews');
  const isUnnamedSecret =
    group === '' &&
    name === 'secrets' &&
    rule.resources?.some(({ resources }) => resources?.includes('secrets')) !== true;
  return isToken || isUnnamedSecret ? 'Metadata' : rule.level;
}

/** Source: k8s.io/apiserver/pkg/audit/policy/checker.go ruleMatches. */
function matches(rule: AuditRule, attributes: AuditAttributes): boolean {
  const { user, verb } = attributes;
  if (isSet(rule.users) && !rule.users.includes(user.name)) return false;
  if (isSet(rule.userGroups) && !rule.userGroups.some((group) => user.groups.includes(group))) return false;
  if (isSet(rule.verbs) && !rule.verbs.includes(verb)) return false;
  if (isSet(rule.namespaces) || isSet(rule.resources)) return matchesResource(rule, attributes.resource);
  if (isSet(rule.nonResourceURLs))
    return (
      attributes.resource === undefined &&
      rule.nonResourceURLs.some((url) => matchesUrl(url, attributes.path))
    );
  return true;
}

function matchesUrl(url: string, path: string): boolean {
  return url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1)));
}

function matchesResource(rule: AuditRule, resource: AuditAttributes['resource']): boolean {
  if (resource === undefined) return false;
  if (isSet(rule.namespaces) && !rule.namespaces.includes(resource.namespace)) return false;
  if (!isSet(rule.resources)) return true;
  const { name, subresource } = resource;
  const combined = subresource === '' ? name : `${name}/${subresource}`;
  return rule.resources.some(({ group = '', resources = [], resourceNames = [] }) => {
    if (group !== resource.group) return false;
    if (resources.length === 0) return true;
    if (resourceNames.length > 0 && !resourceNames.includes(resource.objectName)) return false;
    return resources.some(
      (one) =>
        one === '*' ||
        one === combined ||
        (subresource !== '' && one === `*/${subresource}`) ||
        one === `${name}/*`,
    );
  });
}

function isSet<T>(list: readonly T[] | undefined): list is readonly T[] {
  return list !== undefined && list.length > 0;
}

function recordAt(value: unknown, path: string, known: ReadonlySet<string>): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(path, 'must be an object');
  for (const name of Object.keys(value))
    if (!known.has(name)) throw wrong(path === '' ? name : `${path}.${name}`, 'is not a known field');
  return value as Record<string, unknown>;
}

function stringsAt(value: unknown, path: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.some((one) => typeof one !== 'string'))
    throw wrong(path, 'must be a list of strings');
  return value as string[];
}

function stagesAt(value: unknown, path: string): readonly AuditStage[] {
  const stages = stringsAt(value, path);
  for (const stage of stages)
    if (!(STAGES as readonly string[]).includes(stage)) throw wrong(path, `must be of ${STAGES.join(', ')}`);
  return stages as readonly AuditStage[];
}

function flagAt(value: unknown, path: string): boolean | undefined {
  if (value !== undefined && typeof value !== 'boolean') throw wrong(path, 'must be true or false');
  return value;
}

function wrong(path: string, why: string): BadRequest {
  return new BadRequest(`the audit policy${path && `'s ${path}`} ${why}`);
}
