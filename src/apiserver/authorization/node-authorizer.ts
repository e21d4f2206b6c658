import type { corev1 } from '../../kube/index.ts';
import { isInScope } from '../workspaces/effective-users.ts';
import { type AuthorizationAttributes, type Authorizer, type Decision, NO_OPINION } from './authorizer.ts';

const NODE_PREFIX = 'system:node:';
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';
const NODES_GROUP = 'system:nodes';
const ALLOW: Decision = { verdict: 'allow', reason: '' };

/** The node's name, when the user is one. */
export function nodeNameOf(user: AuthorizationAttributes['user']): string | undefined {
  if (!user.name.startsWith(NODE_PREFIX) || !user.groups.includes(NODES_GROUP)) return undefined;
  return user.name.slice(NODE_PREFIX.length);
}

/** Pods, and what they use, as they are stored. */
export interface NodePods {
  pod(workspace: string, namespace: string, name: string): Promise<Readonly<corev1.Pod> | undefined>;
  volume(workspace: string, name: string): Promise<Readonly<corev1.PersistentVolume> | undefined>;
  /** For "is this Secret used there?". */
  podsOnNode(workspace: string, namespace: string, node: string): Promise<readonly Readonly<corev1.Pod>[]>;
}

const READ = ['get', 'list', 'watch'];
/** [group, resource or resource/subresource, verbs]: what a kubelet and its service rules need, whatever the name. */
const RULES: readonly (readonly [string, string, readonly string[]])[] = [
  ['', 'services', READ],
  ['', 'endpoints', READ],
  ['', 'namespaces', READ],
  ['', 'nodes', [...READ, 'create', 'update', 'patch']],
  ['', 'nodes/status', ['update', 'patch']],
  ['', 'pods', ['create', 'delete']],
  ['', 'pods/status', ['update', 'patch']],
  ['', 'pods/eviction', ['create']],
  ['', 'events', ['create', 'update', 'patch']],
  ['events.k8s.io', 'events', ['create', 'update', 'patch']],
  ['discovery.k8s.io', 'endpointslices', READ],
  ['node.k8s.io', 'runtimeclasses', READ],
  ['storage.k8s.io', 'csidrivers', READ],
  ['certificates.k8s.io', 'certificatesigningrequests', ['create', ...READ]],
  ['authentication.k8s.io', 'tokenreviews', ['create']],
  ['authorization.k8s.io', 'subjectaccessreviews', ['create']],
];

/**
 * A thin node authorizer: fixed rules, and Secrets, ConfigMaps and service account tokens only when a pod bound to
 * that node uses them. Which Pods and Nodes it may change is NodeRestriction's part (admission), as upstream.
 * Source: k8s.io/kubernetes/plugin/pkg/auth/authorizer/node, ClusterRole system:node and system:node-proxier.
 */
export class NodeAuthorizer implements Authorizer {
  readonly #pods: NodePods;

  constructor(pods: NodePods) {
    this.#pods = pods;
  }

  async authorize(attributes: AuthorizationAttributes): Promise<Decision> {
    const node = nodeNameOf(attributes.user);
    if (node === undefined || attributes.resource === undefined) return NO_OPINION;
    if (!isInScope(attributes.user, attributes.workspace)) return NO_OPINION;
    const { group, resource, subresource } = attributes.resource;
    const what = subresource === undefined ? resource : `${resource}/${subresource}`;
    if (RULES.some(([g, r, verbs]) => g === group && r === what && verbs.includes(attributes.verb)))
      return ALLOW;
    if (group === '' && what === 'pods' && READ.includes(attributes.verb))
      return this.#authorizePod(attributes, node);
    // What follows is about one object or one namespace: none stands for those of all workspaces.
    if (attributes.workspace === '*') return NO_OPINION;
    if (group === 'coordination.k8s.io' && what === 'leases') return ownLease(attributes, node);
    if (group === '' && (what === 'secrets' || what === 'configmaps'))
      return this.#authorizeUsed(attributes, node, what);
    if (group === 'storage.k8s.io' && what === 'csinodes') return ownCsiNode(attributes, node);
    if (group === '' && what.startsWith('persistentvolume'))
      return this.#authorizeVolume(attributes, node, what);
    if (group === '' && what === 'serviceaccounts/token' && attributes.verb === 'create')
      return this.#authorizeToken(attributes, node);
    return NO_OPINION;
  }

  /** Its own pods only, as upstream since AuthorizeNodeWithSelectors. */
  async #authorizePod(attributes: AuthorizationAttributes, node: string): Promise<Decision> {
    const { namespace, name, fieldSelector } = attributes.resource!;
    if (name === undefined) {
      const own = (fieldSelector ?? '')
        .split(',')
        .some((one) => /^spec\.nodeName==?(.*)$/.exec(one)?.[1] === node);
      return own ? ALLOW : refuse('can only list/watch pods with spec.nodeName field selector');
    }
    const pod = await this.#pods.pod(attributes.workspace, namespace ?? '', name);
    // One that is gone is "not found" for the node it was on, too.
    return pod === undefined || pod.spec?.nodeName === node
      ? ALLOW
      : refuse(`no relationship found between node '${node}' and this object`);
  }

  async #authorizeUsed(
    attributes: AuthorizationAttributes,
    node: string,
    what: 'secrets' | 'configmaps',
  ): Promise<Decision> {
    const { namespace, name } = oneName(attributes);
    if (!READ.includes(attributes.verb) || namespace === undefined || name === undefined)
      return refuse(`can only read ${what} with a name`);
    const pods = await this.#pods.podsOnNode(attributes.workspace, namespace, node);
    const used = pods.some((pod) => !isMirror(pod) && names(pod, what).has(name));
    return used ? ALLOW : refuse(`no relationship found between node '${node}' and this object`);
  }

  /** Claims of its pods (their status too, for a resize), and the volumes those are bound to. */
  async #authorizeVolume(attributes: AuthorizationAttributes, node: string, what: string): Promise<Decision> {
    const { workspace, verb, resource } = attributes;
    const { name, namespace } = resource!;
    const verbs = what === 'persistentvolumeclaims/status' ? ['get', 'update', 'patch'] : ['get'];
    if (!verbs.includes(verb) || name === undefined)
      return refuse(`can only ${verbs.join('/')} ${what} with a name`);
    let claim: { namespace?: string; name?: string } = {
      name,
      ...(namespace !== undefined && { namespace }),
    };
    if (what === 'persistentvolumes')
      claim = (await this.#pods.volume(workspace, name))?.spec?.claimRef ?? {};
    else if (!what.startsWith('persistentvolumeclaims')) return NO_OPINION;
    const pods =
      claim.namespace === undefined ? [] : await this.#pods.podsOnNode(workspace, claim.namespace, node);
    const used = pods.some((pod) => !isMirror(pod) && claimsOf(pod).has(claim.name ?? ''));
    return used ? ALLOW : refuse(`no relationship found between node '${node}' and this object`);
  }

  async #authorizeToken(attributes: AuthorizationAttributes, node: string): Promise<Decision> {
    const { namespace, name } = attributes.resource!;
    const pods = await this.#pods.podsOnNode(attributes.workspace, namespace ?? '', node);
    return pods.some((pod) => !isMirror(pod) && pod.spec?.serviceAccountName === name)
      ? ALLOW
      : refuse(`no relationship found between node '${node}' and this object`);
  }
}

/** A node makes its mirror pods itself: they must never give it a right. */
export function isMirror(pod: Readonly<corev1.Pod>): boolean {
  return pod.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined;
}

function refuse(reason: string): Decision {
  return { verdict: 'no opinion', reason };
}

function ownLease(attributes: AuthorizationAttributes, node: string): Decision {
  const { namespace, name } = oneName(attributes);
  if (namespace !== 'kube-node-lease')
    return refuse('can only access leases in the kube-node-lease namespace');
  if (attributes.verb === 'create') return ALLOW;
  return name === node
    ? ALLOW
    : refuse('can only access node lease with the same name as the requesting node');
}

function ownCsiNode(attributes: AuthorizationAttributes, node: string): Decision {
  const { name, subresource } = attributes.resource!;
  if (subresource !== undefined) return refuse('cannot authorize CSINode subresources');
  if (attributes.verb === 'create') return ALLOW;
  if (!['get', 'update', 'patch', 'delete'].includes(attributes.verb))
    return refuse('can only get, create, update, patch, or delete a CSINode');
  return name === node ? ALLOW : refuse('can only access CSINode with the same name as the requesting node');
}

/** The claims of a pod's volumes; an ephemeral one is named after pod and volume. */
function claimsOf(pod: Readonly<corev1.Pod>): Set<string> {
  const names = (pod.spec?.volumes ?? []).map((volume) =>
    volume.ephemeral === undefined
      ? volume.persistentVolumeClaim?.claimName
      : `${pod.metadata.name}-${volume.name}`,
  );
  return new Set(names.filter((name) => name !== undefined));
}

/** A list or watch of `metadata.name=x` is a read of x. */
function oneName(attributes: AuthorizationAttributes): { namespace?: string; name?: string } {
  const { namespace, name, fieldSelector } = attributes.resource!;
  const selected = /^metadata\.name==?([^,!=]+)$/.exec(fieldSelector ?? '')?.[1];
  return {
    ...(namespace !== undefined && { namespace }),
    ...((name ?? selected) !== undefined && { name: name ?? selected! }),
  };
}

/** Every Secret (ConfigMap) a pod's volumes, environment and image pulls name. */
export function names(pod: Readonly<corev1.Pod>, what: 'secrets' | 'configmaps'): Set<string> {
  const found = new Set<string>();
  const add = (name: string | undefined) => name !== undefined && found.add(name);
  const secrets = what === 'secrets';
  for (const volume of pod.spec?.volumes ?? []) {
    add(secrets ? volume.secret?.secretName : volume.configMap?.name);
    for (const source of volume.projected?.sources ?? [])
      add(secrets ? source.secret?.name : source.configMap?.name);
  }
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  for (const container of [...containers, ...initContainers, ...ephemeralContainers]) {
    for (const from of container.envFrom ?? []) add(secrets ? from.secretRef?.name : from.configMapRef?.name);
    for (const { valueFrom } of container.env ?? [])
      add(secrets ? valueFrom?.secretKeyRef?.name : valueFrom?.configMapKeyRef?.name);
  }
  if (secrets) for (const reference of pod.spec?.imagePullSecrets ?? []) add(reference.name);
  return found;
}
