/** What the code cannot say of itself for docs/kubernetes-api.md: what comes of an object, and which test shows a feature. */

/** `group/resource` of everything that does more than being kept, with what it does. Whatever is missing is stored only. */
export const machineryOf: Readonly<Record<string, string>> = {
  '/componentstatuses': 'tell of the leases of scheduler and controllers, and of the store',
  '/configmaps': 'mounted and read by pods',
  '/endpoints': 'made from services and pods',
  '/events': 'expire after an hour; the same objects as those of events.k8s.io',
  '/limitranges': 'give defaults and bounds to containers, pods and claims',
  '/namespaces': 'emptied before they go',
  '/nodes': 'registered by the node agent; silent ones are tainted, their pods evicted',
  '/persistentvolumeclaims':
    'bound to volumes, or have them made; held while pods use them; grow where their class allows it',
  '/persistentvolumes': 'bound, released, cleared away; nodes mount hostPath and local',
  '/pods':
    'scheduled and run; log, exec, attach, portforward; ephemeral containers; CPU and memory change in place',
  '/replicationcontrollers': 'keep their number of pods',
  '/resourcequotas': 'hold under concurrent creates; scopes',
  '/secrets': 'mounted and read by pods',
  '/serviceaccounts': 'one in every namespace; tokens are bound to pods and audiences',
  '/services': 'addresses and ports are allocated; rules on every node',
  'apps/deployments': 'rollouts, history, pause, undo',
  'apps/replicasets': 'keep their number of pods',
  'apps/statefulsets': 'ordered pods with claims of their own; rolling updates',
  'apps/daemonsets': 'a pod on each node they may be on; rolling updates',
  'apps/controllerrevisions': 'history of StatefulSets and DaemonSets',
  'autoscaling/horizontalpodautoscalers':
    'set replicas by what pods use of CPU and memory; other metrics are reported as not there',
  'batch/cronjobs': 'make the jobs whose time has come',
  'batch/jobs': 'run to completion, indexed too, with failure policies',
  'events.k8s.io/events': 'expire after an hour; the same objects as those of core',
  'coordination.k8s.io/leases': 'node heartbeats, leader election',
  'discovery.k8s.io/endpointslices':
    'made from services and pods, and from Endpoints that people write; followed by the service rules',
  'rbac.authorization.k8s.io/roles': 'decide; nobody gives what he has not',
  'rbac.authorization.k8s.io/rolebindings': 'decide; nobody gives what he has not',
  'rbac.authorization.k8s.io/clusterroles': 'decide; aggregated; the default roles are there',
  'rbac.authorization.k8s.io/clusterrolebindings': 'decide; the default bindings are there',
  'apiextensions.k8s.io/customresourcedefinitions': 'served as soon as they are established',
  'admissionregistration.k8s.io/validatingwebhookconfigurations': 'called',
  'admissionregistration.k8s.io/mutatingwebhookconfigurations': 'called',
  'admissionregistration.k8s.io/validatingadmissionpolicies': 'evaluated',
  'admissionregistration.k8s.io/validatingadmissionpolicybindings': 'evaluated',
  'admissionregistration.k8s.io/mutatingadmissionpolicies': 'evaluated',
  'admissionregistration.k8s.io/mutatingadmissionpolicybindings': 'evaluated',
  'apiregistration.k8s.io/apiservices':
    'one for each group version that is built in or custom; what names a service is asked whether it is available, and carried to it',
  'certificates.k8s.io/certificatesigningrequests':
    'kubelets’ client requests are approved by right; three signers sign; old ones are cleared away',
  'scheduling.k8s.io/priorityclasses':
    'resolved into the pod’s priority; the more important take the place of others',
  'policy/poddisruptionbudgets': 'counted, asked by evictions, heeded by preemption',
  'flowcontrol.apiserver.k8s.io/flowschemas': 'classify every request; mandatory ones come back',
  'flowcontrol.apiserver.k8s.io/prioritylevelconfigurations':
    'seats, queues and borrowing, as they are changed',
  'networking.k8s.io/ipaddresses': 'one for each address of a service',
  'networking.k8s.io/servicecidrs':
    'give addresses as soon as they are ready; held while services have some of theirs',
  'storage.k8s.io/csinodes': 'their limits of volumes are kept by the scheduler',
  'storage.k8s.io/storageclasses':
    'binding modes, topologies, growth; local-path, the default, makes folders of a node',
};

/** Served in part by design: what an object of it does not do. */
export const lackingOf: Readonly<Record<string, string>> = {
  'networking.k8s.io/networkpolicies': 'nothing is kept out by them',
  'networking.k8s.io/ingresses': 'there is no ingress controller yet',
  'node.k8s.io/runtimeclasses':
    'overhead, node selector and tolerations go into pods; the node refuses a pod that names one',
};

export interface Feature {
  area: string;
  name: string;
  /** File of the test, and its title as it stands there. */
  test: readonly [file: string, title: string];
}

const API = 'src/apiserver/api-server.test.ts';
const LISTS = 'src/apiserver/list-watch.test.ts';
const APPLY = 'src/kube/apply/apply.test.ts';
const DECODE = 'src/kube/schema/decode.test.ts';
const NEGOTIATION = 'src/apiserver/encoding/negotiation.test.ts';
const PROTOBUF = 'src/apiserver/encoding/protobuf-encoder.test.ts';
const KUBECTL = 'test/conformance/kubectl.test.ts';
const WIRE = 'test/conformance/wire.test.ts';
const WEBHOOKS = 'test/conformance/admission.test.ts';
const RBAC = 'src/apiserver/authorization/rbac/rbac-api.test.ts';
const AGGREGATION = 'test/conformance/aggregation.test.ts';
const CUSTOM = 'src/apiserver/extensions/custom-resources.test.ts';
const DEFAULTS = 'src/apiserver/default-objects.test.ts';
const CERTIFICATES = 'test/e2e/certificates.test.ts';
const QUOTA = 'src/apiserver/admission/quota.test.ts';
const AUDIT = 'src/apiserver/audit/audit.test.ts';
const FLOW = 'test/conformance/flow-control.test.ts';
const LIMITS = 'test/conformance/limits.test.ts';
const MONITORING = 'test/conformance/monitoring.test.ts';
const POLICIES = 'src/apiserver/admission/policies/policies.test.ts';
const POLICY_STEPS = 'test/conformance/admission-policies.test.ts';
const WEBHOOK_STEPS = 'test/conformance/webhook.test.ts';
const PLUGINS = 'src/apiserver/admission/plugin-choice.test.ts';
const SECURITY = 'src/apiserver/admission/pod-security.test.ts';
const TOKENS = 'src/apiserver/authentication/tokens.test.ts';
const PROXY = 'test/conformance/proxy.test.ts';
const WIRE_PROTOBUF = 'test/conformance/protobuf.test.ts';
const HOSTILE = 'src/apiserver/hostile-input.test.ts';
const PREDICATES = 'test/e2e/scheduling-predicates.test.ts';
const PREEMPTION = 'test/e2e/preemption.test.ts';
const VOLUMES = 'test/e2e/persistent-volumes.test.ts';
const POD_PARTS = 'test/e2e/pod-parts.test.ts';
const STREAMING = 'test/e2e/streaming.test.ts';
const MAINTENANCE = 'test/conformance/store-maintenance.test.ts';
const RUNTIME_CONFIG = 'src/apiserver/registry/runtime-config.test.ts';
const BETAS = 'src/apiserver/beta-kinds.test.ts';
const SERVERS = 'test/e2e/several-servers.test.ts';
const ENCRYPTION = 'test/conformance/encryption.test.ts';

export const features: readonly Feature[] = [
  feature('Verbs', 'create, with generateName', API, 'generateName gives a new name each time'),
  feature(
    'Verbs',
    'update with optimistic concurrency',
    API,
    'an update with an old resourceVersion conflicts, one without overwrites',
  ),
  feature('Verbs', 'dryRun', API, 'a dry run answers as the write would and changes nothing'),
  feature(
    'Verbs',
    'fieldValidation Strict, Warn, Ignore',
    API,
    'unknown fields are warned of, refused or ignored as asked',
  ),
  feature(
    'Verbs',
    'duplicate and unknown fields by path',
    DECODE,
    'refuses unknown and duplicate fields when strict, with their paths',
  ),
  feature('Verbs', 'delete with preconditions', API, 'answers with a Status, and honours preconditions'),
  feature('Verbs', 'finalizers', API, 'a finalizer holds the object until it is taken away'),
  feature(
    'Verbs',
    'Background, Foreground, Orphan',
    API,
    'propagation policies leave their finalizers for the garbage collector',
  ),
  feature('Verbs', 'deletecollection by selector', API, 'a collection is deleted by selector'),
  feature('Verbs', 'grace periods of pods', API, 'a bound pod ends gracefully, and at once with grace 0'),
  feature(
    'Verbs',
    'status, and generation of the spec',
    API,
    'status changes only the status, and only the spec counts as a generation',
  ),
  feature('Verbs', 'scale', API, 'scale reads and writes the replicas'),
  feature(
    'Verbs',
    'server-side apply of scale',
    'test/conformance/upstream-apply.test.ts',
    'is not applied by nobody, nor with fields it has not',
  ),
  feature(
    'Lists',
    'limit and continue, of one revision',
    LISTS,
    'pages are of one revision, whatever is written between them',
  ),
  feature(
    'Lists',
    'inconsistent continuation after compaction',
    LISTS,
    'a compacted page is 410 with a token to go on from',
  ),
  feature(
    'Lists',
    'resourceVersion and resourceVersionMatch',
    LISTS,
    'resourceVersion: zero is any, exact is that one, the future is 504',
  ),
  feature('Lists', 'Table, PartialObjectMetadata, YAML', LISTS, 'as a table, as metadata, as YAML'),
  feature(
    'Lists',
    'label selectors',
    'src/kube/selectors/selectors.test.ts',
    'any text is read or refused with BadRequest, never anything else',
  ),
  feature('Watches', 'every change once, in order', LISTS, 'deliver what happens after a revision, in order'),
  feature(
    'Watches',
    'sendInitialEvents, bookmarks',
    LISTS,
    'without a revision it begins with what is there; streaming lists end that part with a bookmark',
  ),
  feature('Watches', '410 after compaction', LISTS, 'a revision that was compacted is an error event of 410'),
  feature(
    'Watches',
    'selectors',
    LISTS,
    'an object that leaves the selection is deleted, with its old state, and added when it comes back',
  ),
  feature(
    'Patches',
    'JSON patch',
    'src/kube/patch/json-patch.test.ts',
    'applies every operation in order and leaves its argument alone',
  ),
  feature('Patches', 'merge patch', 'src/kube/patch/json-patch.test.ts', 'refuses a patch that is no object'),
  feature(
    'Patches',
    'strategic merge patch',
    'src/kube/patch/strategic-merge-patch.test.ts',
    'a two-way patch turns any object into any other',
  ),
  feature(
    'Patches',
    'server-side apply: conflicts and force',
    APPLY,
    'refuses to change what another manager owns, unless forced',
  ),
  feature(
    'Patches',
    'server-side apply: removal',
    APPLY,
    'removes list items and map keys that are no longer applied, and only those',
  ),
  feature(
    'Patches',
    'server-side apply: migration from client-side apply',
    APPLY,
    'lets kubectl take over what its own client-side apply set, and keeps that annotation',
  ),
  feature(
    'Formats',
    'protobuf in and out',
    PROTOBUF,
    'a list is its metadata and its items, which carry no kind',
  ),
  feature(
    'Formats',
    'protobuf watches',
    PROTOBUF,
    'an event of a watch is a length and a message of type and object',
  ),
  feature(
    'Formats',
    'CBOR is passed over for what else the client takes',
    NEGOTIATION,
    'CBOR is passed over for what else the client takes',
  ),
  feature(
    'Formats',
    'protobuf from end to end',
    WIRE_PROTOBUF,
    'an object is sent, answered, listed and watched in protobuf',
  ),
  feature(
    'Formats',
    'compression of large answers',
    WIRE_PROTOBUF,
    'a large answer is compressed when the client takes that, and CBOR falls back to JSON',
  ),
  feature('Formats', '?pretty', WIRE_PROTOBUF, 'a person gets it indented'),
  feature(
    'Formats',
    'what nobody can write is refused by name',
    NEGOTIATION,
    'nothing we can write is refused by name',
  ),
  feature('Discovery', 'legacy and aggregated', KUBECTL, 'discovers the server'),
  feature('Discovery', 'hashes', WIRE, 'discovery is kept by its hash'),
  feature(
    'Discovery',
    'OpenAPI v2 and v3',
    'src/kube/openapi/openapi.test.ts',
    'defines every type it refers to, and nothing else',
  ),
  feature('Discovery', 'explain', KUBECTL, 'explains fields'),
  feature(
    'Discovery',
    'beta versions of stable kinds',
    BETAS,
    'comes after the stable one in discovery, and is not what clients prefer',
  ),
  feature(
    'Discovery',
    '--runtime-config',
    RUNTIME_CONFIG,
    'beta versions are served unless they are switched off, all, by version or by resource',
  ),
  feature(
    'Discovery',
    'an APIService for each built-in group version',
    DEFAULTS,
    'every built-in group version but its own has an APIService that is available',
  ),
  feature(
    'Aggregation',
    'every verb, watches',
    AGGREGATION,
    'is available, and its objects are made, read, changed, watched and deleted through us',
  ),
  feature(
    'Aggregation',
    'the user by front-proxy headers, nobody else’s',
    AGGREGATION,
    'hears whom a request is for from us alone',
  ),
  feature(
    'Aggregation',
    'bodies of any length, upgraded connections',
    AGGREGATION,
    'takes bodies of any length as they come, and switches protocols',
  ),
  feature(
    'Aggregation',
    'availability, by upstream’s reasons',
    AGGREGATION,
    'what is wrong with the service is told by reason',
  ),
  feature(
    'Aggregation',
    'in every form of discovery, by priority',
    AGGREGATION,
    'stands in every form of discovery, in the order of its priorities',
  ),
  feature(
    'Aggregation',
    'in OpenAPI v2 and v3',
    AGGREGATION,
    'stands in OpenAPI, with definitions of the same name told apart',
  ),
  feature('Aggregation', 'kubectl', AGGREGATION, 'is explained, listed, got and deleted'),
  feature(
    'Aggregation',
    'a group version of ours or of a definition taken over, and given back',
    AGGREGATION,
    'takes over a built-in group version as long as it is there',
  ),
  feature(
    'Aggregation',
    'metrics.k8s.io/v1beta1 built in (`kubectl top`), until a metrics-server takes it over',
    'test/conformance/metrics-api.test.ts',
    'kubectl top shows nodes and pods',
  ),
  feature(
    'Aggregation',
    'namespaces emptied of it, or waiting for it',
    'test/e2e/registrations.test.ts',
    'a namespace is emptied of what extension API servers have, and waits for one that is down',
  ),
  feature(
    'Custom resources',
    'established, named, served',
    CUSTOM,
    'is established with the conditions and names of upstream, and served at once',
  ),
  feature(
    'Custom resources',
    'pruning, defaulting, validation',
    CUSTOM,
    'prunes, defaults, validates and counts generations',
  ),
  feature(
    'Custom resources',
    'finalizing deletion',
    CUSTOM,
    'goes with all its objects, which end their watches',
  ),
  feature('Custom resources', 'CEL rules, with ratcheting', CUSTOM, 'let pass what was there before them'),
  feature(
    'Custom resources',
    'CEL cost limits',
    CUSTOM,
    'that would cost too much make a definition invalid',
  ),
  feature(
    'Custom resources',
    'non-structural schemas',
    CUSTOM,
    'a schema that is not structural is refused field by field',
  ),
  feature(
    'Custom resources',
    'several versions, conversion',
    CUSTOM,
    'versions are converted by name, watched in the words of each, and applied by field',
  ),
  feature(
    'Custom resources',
    'conversion webhooks',
    'test/conformance/crd.test.ts',
    'each version reads and writes the other',
  ),
  feature('Custom resources', 'OpenAPI follows', CUSTOM, 'documents follow a definition'),
  feature(
    'Custom resources',
    'an APIService for each version',
    'test/e2e/registrations.test.ts',
    'the versions of a definition have an APIService each, as long as they are served',
  ),
  feature(
    'Admission',
    'validating webhooks',
    WEBHOOKS,
    'a validating webhook denies in its own words, and warns',
  ),
  feature(
    'Admission',
    'mutating webhooks, reinvocation',
    WEBHOOKS,
    'a webhook that asks for it sees what later ones changed',
  ),
  feature(
    'Admission',
    'failurePolicy',
    WEBHOOKS,
    'a webhook that cannot be reached fails the request, or is ignored',
  ),
  feature('Admission', 'timeouts', WEBHOOKS, 'a webhook that does not answer in time fails by its deadline'),
  feature(
    'Admission',
    'matchPolicy Equivalent',
    WEBHOOKS,
    'an equivalent version of the resource is converted for the webhook',
  ),
  feature('Admission', 'dryRun is passed on', WEBHOOKS, 'a webhook is told of a dry run'),
  feature(
    'Admission',
    'NamespaceLifecycle',
    API,
    'a namespace waits for its finalizer, and takes nothing new meanwhile',
  ),
  feature(
    'Admission',
    'ServiceAccount',
    'src/apiserver/identity.test.ts',
    'a pod gets its account, the projected token volume and the two tolerations',
  ),
  feature('Admission', 'Priority', DEFAULTS, 'a pod gets the number of its class, or of the default class'),
  feature('Admission', 'DefaultStorageClass', DEFAULTS, 'a claim without a class is of the default one'),
  feature(
    'Admission',
    'RuntimeClass',
    DEFAULTS,
    'a pod gets the overhead, node selector and tolerations of its class',
  ),
  feature(
    'Admission',
    'DefaultIngressClass',
    DEFAULTS,
    'an Ingress without a class is of the default one, of several the newest',
  ),
  feature(
    'Admission',
    'NodeRestriction',
    'src/apiserver/hostile-node.test.ts',
    'changes no other node, no label that draws pods, no taint, no lease but its own',
  ),
  feature('Admission', 'CertificateSubjectRestriction', DEFAULTS, 'for system:masters are refused'),
  feature(
    'Admission',
    'CertificateApproval, CertificateSigning',
    DEFAULTS,
    'are approved only by those who may for the signer',
  ),
  feature(
    'Admission',
    'ValidatingAdmissionPolicy',
    POLICIES,
    'a policy denies by its expression, with the reason and message it gives',
  ),
  feature(
    'Admission',
    'matchConditions of webhooks',
    WEBHOOKS,
    'a webhook whose conditions are not met is not asked',
  ),
  feature(
    'Admission',
    'authorizer in expressions',
    POLICIES,
    'expressions ask the authorizer what the user may do',
  ),
  feature(
    'Admission',
    'TaintNodesByCondition',
    'src/apiserver/admission/class-defaults.test.ts',
    'a new node takes no pods yet',
  ),
  feature('Admission', 'policy parameters', POLICIES, 'parameters come from the objects the binding names'),
  feature('Admission', 'policy bindings', POLICIES, 'a binding narrows what its policy is for'),
  feature(
    'Admission',
    'LimitRanger',
    QUOTA,
    'a LimitRange gives defaults and holds containers to its bounds',
  ),
  feature(
    'Admission',
    'ResourceQuota, correct under concurrent creates',
    QUOTA,
    'concurrent creates cannot overrun a quota together',
  ),
  feature('Admission', 'ResourceQuota scopes', QUOTA, 'a quota with scopes counts only pods of its scopes'),
  feature(
    'Admission',
    'ResourceQuota of devices and volume attributes classes',
    'test/conformance/upstream-machinery.test.ts',
    'count a claim that changes its volume attributes class in both classes until it has',
  ),
  feature(
    'Admission',
    'PodSecurity levels',
    SECURITY,
    'a restricted namespace says everything that is wrong with a pod',
  ),
  feature(
    'Admission',
    'webhooks behind a Service',
    WEBHOOK_STEPS,
    'should be able to deny pod and configmap creation',
  ),
  feature(
    'Admission',
    'webhooks for custom resources',
    WEBHOOK_STEPS,
    'should be able to deny custom resource creation, update and deletion',
  ),
  feature(
    'Admission',
    'webhooks for deletions and collections',
    WEBHOOK_STEPS,
    'a deletion tells its options, and every object of a collection is reviewed',
  ),
  feature(
    'Admission',
    'webhooks for subresources and namespaces',
    WEBHOOK_STEPS,
    'scale, namespaces and patches are reviewed as what they are',
  ),
  feature(
    'Admission',
    'webhook configurations are out of reach of webhooks',
    WEBHOOK_STEPS,
    'should not be able to mutate or prevent deletion of webhook configuration objects',
  ),
  feature(
    'Admission',
    'audit annotations of webhooks',
    WEBHOOK_STEPS,
    'what webhooks say and do is written into the audit log',
  ),
  feature(
    'Admission',
    'metrics of webhooks and policies',
    WEBHOOK_STEPS,
    'what webhooks and policies decided is counted under upstream’s names',
  ),
  feature(
    'Admission',
    'expressions are checked when they are written',
    WEBHOOK_STEPS,
    'should reject webhook configurations with invalid match conditions',
  ),
  feature(
    'Admission',
    'MutatingAdmissionPolicy: apply configurations',
    POLICY_STEPS,
    'an apply configuration joins list items by their keys, and the object gets defaults again',
  ),
  feature(
    'Admission',
    'MutatingAdmissionPolicy: JSON patches',
    POLICY_STEPS,
    'a JSON patch of a policy tests, escapes and makes objects',
  ),
  feature(
    'Admission',
    'MutatingAdmissionPolicy: parameters',
    POLICY_STEPS,
    'a mutating policy is applied once for each parameter its binding selects',
  ),
  feature(
    'Admission',
    'MutatingAdmissionPolicy: reinvocation',
    POLICY_STEPS,
    'a policy that asks for it sees what later ones changed',
  ),
  feature(
    'Admission',
    'MutatingAdmissionPolicy: custom resources',
    POLICY_STEPS,
    'a mutating policy changes custom resources by their schema',
  ),
  feature(
    'Admission',
    'ValidatingAdmissionPolicy: type checking',
    POLICY_STEPS,
    'validation expressions are checked against the types of what they are for',
  ),
  feature(
    'Admission',
    'ValidatingAdmissionPolicy: audit annotations',
    WEBHOOK_STEPS,
    'what policies find, and note, is written into the audit log',
  ),
  feature(
    'Admission',
    'plug-ins chosen by name',
    'src/apiserver/admission/plugin-names.test.ts',
    'plug-ins are switched on and off by name',
  ),
  feature(
    'Admission',
    'PodSecurity defaults and versions',
    PLUGINS,
    'a namespace without labels is held to the configured level, of the configured version',
  ),
  feature(
    'Admission',
    'PodSecurity exemptions',
    PLUGINS,
    'an exempt namespace is let off, which is written down',
  ),
  feature(
    'Admission',
    'OwnerReferencesPermissionEnforcement',
    PLUGINS,
    'an owner is set only by who may delete the object, and blocked only by who may finalize it',
  ),
  feature(
    'Admission',
    'DenyServiceExternalIPs',
    PLUGINS,
    'a Service takes no external address it did not have',
  ),
  feature(
    'Admission',
    'AlwaysPullImages, ExtendedResourceToleration',
    PLUGINS,
    'images are always pulled, and what a pod asks for beyond the usual is tolerated',
  ),
  feature('Admission', 'LimitPodHardAntiAffinityTopology', PLUGINS, 'hard anti-affinity is within a host'),
  feature('Admission', 'PodTopologyLabels', PLUGINS, 'a pod that is bound carries the zone of its node'),
  feature(
    'Admission',
    'PersistentVolumeClaimResize',
    PLUGINS,
    'a claim grows only when it is bound and its class lets it',
  ),
  feature(
    'Admission',
    'ResourceQuota limitedResources',
    PLUGINS,
    'what is limited is used only where a quota speaks of it',
  ),
  feature(
    'Admission',
    'StorageObjectInUseProtection',
    'src/apiserver/admission/class-defaults.test.ts',
    'a new claim, and a new volume, is not gone before it is let go',
  ),
  feature(
    'Identity',
    'client certificates',
    WIRE,
    'a client certificate of our authority, over HTTP/1.1 and HTTP/2',
  ),
  feature(
    'Identity',
    'service account tokens, bound',
    'src/apiserver/identity.test.ts',
    'a bound token names account and pod, and dies with the pod',
  ),
  feature('Identity', 'tokens in Secrets', TOKENS, 'are good while the Secret holds them, and not after it'),
  feature('Identity', 'bootstrap tokens', TOKENS, 'stand for a joining machine and its groups'),
  feature(
    'Identity',
    'static token files',
    'src/apiserver/authentication/static-tokens.test.ts',
    'reads a token file as kube-apiserver does',
  ),
  feature('Identity', 'published keys (JWKS)', TOKENS, 'verify with the published key'),
  feature('Identity', 'anonymous for health and version only', WIRE, 'nobody but to health and version'),
  feature('Identity', 'impersonation', RBAC, 'is for who may impersonate every part of him'),
  feature(
    'Identity',
    'certificate requests, signed',
    CERTIFICATES,
    'an approved client request is signed by the cluster for the time asked for',
  ),
  feature(
    'Identity',
    'kubelet certificates, approved by right',
    CERTIFICATES,
    'a kubelet’s client request is approved and signed by itself when its asker has the right',
  ),
  feature(
    'Authorization',
    'RBAC',
    'src/apiserver/authorization/rbac/rbac-authorizer.test.ts',
    'decide as a naive evaluator does, for random sets of them and random requests',
  ),
  feature('Authorization', 'escalation checks', RBAC, 'a role needs its rules'),
  feature(
    'Authorization',
    'default roles, restored',
    RBAC,
    'get back at the next start what they lost, unless they are marked',
  ),
  feature('Authorization', 'reviews of access and rules', RBAC, 'say by what somebody is allowed'),
  feature(
    'Authorization',
    'Node authorizer',
    'src/apiserver/hostile-node.test.ts',
    'reads the one Secret its pod uses, by every way to ask, and no other',
  ),
  feature(
    'Audit',
    'events to a file, rotated',
    AUDIT,
    'an event says who did what to which, and how it went',
  ),
  feature(
    'Audit',
    'policy file: levels, stages, rules',
    'src/apiserver/audit/audit-policy.test.ts',
    'with stages of the policy and its own',
  ),
  feature('Audit', 'refused authentications', LIMITS, 'who could not show who he is stands in the audit log'),
  feature(
    'Fairness',
    'FlowSchemas and PriorityLevelConfigurations classify requests',
    FLOW,
    'are classified by the FlowSchemas and PriorityLevelConfigurations that are there',
  ),
  feature(
    'Fairness',
    'a level that is full refuses (429), the others go on',
    FLOW,
    'beyond the seats of their level are refused, those of others are not',
  ),
  feature(
    'Fairness',
    'fair queuing',
    FLOW,
    'of a flooding user do not starve those of another in the same level',
  ),
  feature(
    'Fairness',
    'borrowing of seats',
    'src/apiserver/flow-control/flow-control.test.ts',
    'a busy level borrows what others lend',
  ),
  feature('Fairness', 'mandatory objects are kept', FLOW, 'a mandatory object that was deleted comes back'),
  feature(
    'Protection',
    'slow watchers are ended',
    LIMITS,
    'a watcher that does not read is ended, and its memory given back',
  ),
  feature(
    'Protection',
    'refused bodies cost their connection nothing',
    LIMITS,
    'bodies that are refused unread leave their connection as good as new',
  ),
  feature('Protection', 'connections of one address', LIMITS, 'one address has only so many connections'),
  feature(
    'Protection',
    'request timeouts, ?timeout=',
    'src/apiserver/http/request-deadline.test.ts',
    'a client may ask for less time, not for more',
  ),
  feature(
    'Protection',
    'graceful end',
    LIMITS,
    'a server that stops says so first, ends its watches without an error and finishes what runs',
  ),
  feature(
    'Monitoring',
    '/metrics under upstream’s names',
    MONITORING,
    'has what one grabs from an API server',
  ),
  feature('Monitoring', 'OpenMetrics', MONITORING, 'comes as OpenMetrics to who asks for it'),
  feature('Monitoring', '/metrics/slis', MONITORING, '/metrics/slis tells of the health checks'),
  feature(
    'Monitoring',
    'single health checks, exclusion',
    MONITORING,
    'a check can be asked alone, or left out',
  ),
  feature(
    'Monitoring',
    '/statusz and /flagz as text; their structured forms are refused by name',
    MONITORING,
    '/statusz and /flagz tell of the process, as text only',
  ),
  feature(
    'Protection',
    'body limits',
    WIRE,
    'a body over the limit is 413, said or streamed, and the server goes on',
  ),
  feature(
    'Protection',
    'deep, repeated and multiplying input',
    HOSTILE,
    'nested deeper than anything can walk',
  ),
  feature(
    'Protection',
    'long lists are streamed',
    'src/apiserver/long-list.test.ts',
    'a long list comes in chunks, as of the revision it began at',
  ),
  feature(
    'Proxies',
    'nodes/proxy',
    PROXY,
    'reaches the node with our own certificate, not with what the client showed us',
  ),
  feature(
    'Proxies',
    'pods/proxy and services/proxy',
    PROXY,
    'the status and the redirection of the pod are the answer',
  ),
  feature(
    'Store',
    'no acknowledged write is lost to kill -9',
    'test/crash/apiserver.test.ts',
    'every acknowledged object is there after the server was killed under concurrent writes, ten times',
  ),
  feature(
    'Store',
    'a full disk',
    'test/crash/apiserver-full-disk.test.ts',
    'with a full disk the API reads, says why it refuses a change and that it is not ready, and recovers',
  ),
  feature(
    'Store',
    'objects in etcd, members that die or are cut off',
    'test/crash/store-etcd.test.ts',
    'of three members any one may die: writes and watches go on',
  ),
  feature(
    'Store',
    'backup while it is used, restore, migration',
    MAINTENANCE,
    'everything is there, above every revision there was',
  ),
  feature('Store', 'compaction', MAINTENANCE, 'compacting gives room back: files and etcd'),
  feature(
    'Clients',
    'kubectl, every version at hand',
    KUBECTL,
    'creates, applies, gets, prints and deletes every kind',
  ),
  feature(
    'Clients',
    'kubectl, the kinds beside workloads',
    'test/conformance/classes.test.ts',
    'every kind is applied, and applied again changes nothing',
  ),
  feature('Clients', '@kubernetes/client-node', WIRE, 'creates, patches, watches and deletes'),
  feature(
    'Scheduling',
    'resources of nodes',
    PREDICATES,
    'resource limits: what fits runs, one more does not',
  ),
  feature(
    'Scheduling',
    'overhead of runtime classes',
    PREDICATES,
    'the overhead of a RuntimeClass is accounted for',
  ),
  feature(
    'Scheduling',
    'node selectors and affinity',
    PREDICATES,
    'node selectors and node affinity are respected',
  ),
  feature(
    'Scheduling',
    'taints and tolerations',
    PREDICATES,
    'taints keep pods off until they are tolerated or gone',
  ),
  feature('Scheduling', 'host ports', PREDICATES, 'host ports conflict by address, port and protocol'),
  feature('Scheduling', 'topology spread', PREDICATES, 'four pods with a skew of one go two and two'),
  feature(
    'Scheduling',
    'scheduling gates',
    PREDICATES,
    'pods with scheduling gates wait until the last is taken away',
  ),
  feature(
    'Scheduling',
    'preemption',
    PREEMPTION,
    'a pod of high priority takes the place of the least important one',
  ),
  feature('Scheduling', 'preemption by critical pods', PREEMPTION, 'a critical pod preempts too'),
  feature(
    'Scheduling',
    'preemptionPolicy Never',
    PREEMPTION,
    'a pod whose class says Never waits, and says why',
  ),
  feature(
    'Scheduling',
    'nominated nodes',
    PREEMPTION,
    'while victims end, the room is kept, and taken when they are gone',
  ),
  feature('Scheduling', 'PodDisruptionBudgets in preemption', PREEMPTION, 'a budget chooses the victim'),
  feature(
    'Scheduling',
    'the path of preemption over ReplicaSets',
    PREEMPTION,
    'ReplicaSets of rising priority push each other aside until all room is with the most important',
  ),
  feature(
    'Pods',
    'ephemeral containers (`kubectl debug --target`)',
    POD_PARTS,
    'an ephemeral container joins a pod that runs, sees the processes of its target, and ends once',
  ),
  feature(
    'Pods',
    'resize in place',
    POD_PARTS,
    'other limits reach a running container in its cgroup, without a restart',
  ),
  feature(
    'Pods',
    'resize that no node can give',
    POD_PARTS,
    'what the node can never give stays pending and says why; what was granted stays',
  ),
  feature(
    'Pods',
    'resize by restart',
    POD_PARTS,
    'a policy of restarting restarts the container with its new limits',
  ),
  feature('Pods', 'logs and attach, by every kubectl', STREAMING, 'logs and attach'),
  feature(
    'Pods',
    'exec with a terminal',
    STREAMING,
    'exec -it has a terminal of the size of the user’s, and passes keys',
  ),
  feature('Storage', 'binding', VOLUMES, 'a claim gets the smallest volume that suffices, and both say so'),
  feature(
    'Storage',
    'binding chosen beforehand',
    VOLUMES,
    'claim and volume may ask for each other beforehand; what does not fit is refused',
  ),
  feature(
    'Storage',
    'protection of claims in use',
    VOLUMES,
    'a claim that a pod uses is held until the pod is gone',
  ),
  feature(
    'Storage',
    'WaitForFirstConsumer',
    VOLUMES,
    'with WaitForFirstConsumer the pod goes where its volume is, and the claim is bound then',
  ),
  feature(
    'Storage',
    'class local-path',
    VOLUMES,
    'the class local-path is the default, and makes a volume on the node of the first pod',
  ),
  feature(
    'Storage',
    'generic ephemeral volumes',
    VOLUMES,
    'an ephemeral volume gets a claim that is its pod’s',
  ),
  feature(
    'Storage',
    'ReadWriteOncePod',
    VOLUMES,
    'ReadWriteOncePod: a second pod waits for the first, or takes its place when it matters more',
  ),
  feature(
    'Storage',
    'lifecycle and status',
    VOLUMES,
    'PersistentVolumes CSI Conformance: the lifecycle of a PV and a PVC, and their status',
  ),
  feature('Storage', 'growth', VOLUMES, 'a bound claim of a class that allows it grows with its volume'),
  feature(
    'Several servers',
    'writes and watches across servers, after a kill too',
    SERVERS,
    'a server killed under 32 writers loses no write, and a watch goes on through the other',
  ),
  feature(
    'Several servers',
    'addresses and node ports',
    SERVERS,
    '200 services made through both at once have addresses and ports of their own',
  ),
  feature('Several servers', 'quotas', SERVERS, 'a quota holds over both'),
  feature('Several servers', 'shared keys', SERVERS, 'a token that one server gave is known to the other'),
  feature(
    'Several servers',
    'leader election',
    SERVERS,
    'a server that stops cleanly hands the lead over at once, and is an endpoint no more',
  ),
  feature(
    'Several servers',
    'endpoints and identity Leases',
    SERVERS,
    'both are endpoints of the kubernetes service, and known by their Leases',
  ),
  feature(
    'Encryption at rest',
    'aesgcm, aescbc, identity',
    ENCRYPTION,
    'Secrets are read, listed, watched, changed and deleted as ever, and no plain text of them is in the file',
  ),
  feature(
    'Encryption at rest',
    'key rotation',
    ENCRYPTION,
    'keys are rotated: the old one reads until everything has been written again',
  ),
];

function feature(area: string, name: string, file: string, title: string): Feature {
  return { area, name, test: [file, title] };
}
