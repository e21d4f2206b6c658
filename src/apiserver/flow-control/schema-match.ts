import { type flowcontrolv1, ROOT_WORKSPACE } from '../../kube/index.ts';
import type { User } from '../http/messages.ts';
import type { RequestInfo, ResourceRequestInfo } from '../request-info/request-info.ts';
import { CLUSTER_NAME_EXTRA } from '../workspaces/effective-users.ts';

/** What a FlowSchema wants. */
export interface SchemaMatch {
  /** Whether a request of this user could be wanted. */
  concerns(user: User): boolean;
  matches(user: User, info: RequestInfo): boolean;
}

interface RuleMatch {
  concerns: (user: User) => boolean;
  resources: readonly ((info: ResourceRequestInfo) => boolean)[];
  paths: readonly ((info: RequestInfo) => boolean)[];
}

/**
 * The rules of a FlowSchema, made ready once. Source: k8s.io/apiserver/pkg/util/flowcontrol/rule.go.
 */
export function schemaMatch({ rules = [] }: flowcontrolv1.FlowSchemaSpec): SchemaMatch {
  const ready: RuleMatch[] = rules.map(({ subjects, resourceRules, nonResourceRules }) => ({
    concerns: subjectsMatch(subjects ?? []),
    resources: (resourceRules ?? []).map(resourceMatch),
    paths: (nonResourceRules ?? []).map(pathMatch),
  }));
  return {
    concerns: (user) => ready.some(({ concerns }) => concerns(user)),
    matches(user, info) {
      for (const { concerns, resources, paths } of ready) {
        if (!concerns(user)) continue;
        if (info.type === 'resource') {
          for (const match of resources) if (match(info)) return true;
        } else for (const match of paths) if (match(info)) return true;
      }
      return false;
    },
  };
}

function subjectsMatch(subjects: readonly flowcontrolv1.Subject[]): (user: User) => boolean {
  const users = new Set<string>();
  const groups = new Set<string>();
  const prefixes: string[] = [];
  for (const { kind, user, group, serviceAccount } of subjects) {
    if (kind === 'User' && user !== undefined) users.add(user.name);
    else if (kind === 'Group' && group !== undefined) groups.add(group.name);
    else if (kind === 'ServiceAccount' && serviceAccount !== undefined) {
      const prefix = `system:serviceaccount:${serviceAccount.namespace}:`;
      if (serviceAccount.name === '*') prefixes.push(prefix);
      else users.add(prefix + serviceAccount.name);
    }
  }
  if (users.has('*') || groups.has('*')) return () => true;
  return (user) =>
    (groups.size > 0 && user.groups.some((group) => groups.has(group))) ||
    (!isOfWorkspace(user) &&
      (users.has(user.name) || prefixes.some((prefix) => user.name.startsWith(prefix))));
}

/** A service account of another workspace only looks like the first one's of that name. */
function isOfWorkspace({ extra }: User): boolean {
  return extra?.[CLUSTER_NAME_EXTRA]?.some((home) => home !== ROOT_WORKSPACE) ?? false;
}

/** `*` counts only alone: validation allows nothing beside it. */
function wanted(list: readonly string[] | undefined): (one: string) => boolean {
  if (list?.length === 1 && list[0] === '*') return () => true;
  const set = new Set(list);
  return (one) => set.has(one);
}

function resourceMatch(rule: flowcontrolv1.ResourcePolicyRule): (info: ResourceRequestInfo) => boolean {
  const verb = wanted(rule.verbs);
  const group = wanted(rule.apiGroups);
  const resource = wanted(rule.resources);
  const namespace = wanted(rule.namespaces);
  const clusterScope = rule.clusterScope === true;
  return (info) => {
    if (!verb(info.verb) || !group(info.group)) return false;
    const name = info.subresource === undefined ? info.resource : `${info.resource}/${info.subresource}`;
    if (!resource(name)) return false;
    return info.namespace === undefined ? clusterScope : namespace(info.namespace);
  };
}

function pathMatch(rule: flowcontrolv1.NonResourcePolicyRule): (info: RequestInfo) => boolean {
  const verb = wanted(rule.verbs);
  const urls = rule.nonResourceURLs ?? [];
  return (info) => verb(info.verb) && urls.some((url) => matchesPath(url, info.path));
}

/** `/healthz` covers what lies below it too, as does `/healthz/*`. */
function matchesPath(url: string, path: string): boolean {
  if (url === '*' || url === path) return true;
  const prefix = url.endsWith('*') ? url.slice(0, -1) : url;
  return path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`);
}
