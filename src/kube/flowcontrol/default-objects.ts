import type { Draft } from '../object.ts';
import type { flowcontrolv1 } from '../types/index.generated.ts';

/**
 * The flow schemas and priority levels that every cluster begins with.
 * Source: k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap (1.30).
 */

type Level = Draft<flowcontrolv1.PriorityLevelConfiguration>;
type Schema = Draft<flowcontrolv1.FlowSchema>;

const AUTO_UPDATE = { 'apf.kubernetes.io/autoupdate-spec': 'true' };
const EVERYTHING: Omit<flowcontrolv1.PolicyRulesWithSubjects, 'subjects'> = {
  resourceRules: [
    { verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true },
  ],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
};
const LEASES: flowcontrolv1.ResourcePolicyRule = {
  verbs: ['get', 'create', 'update'],
  apiGroups: ['coordination.k8s.io'],
  resources: ['leases'],
  namespaces: ['*'],
};
const EVERYBODY = ['system:unauthenticated', 'system:authenticated'];

function level(name: string, spec: flowcontrolv1.PriorityLevelConfigurationSpec): Level {
  return {
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    kind: 'PriorityLevelConfiguration',
    metadata: { name, annotations: AUTO_UPDATE },
    spec,
  };
}

interface Shares {
  shares: number;
  lendable: number;
  /** Queues and hand size; without them requests beyond the share are refused. */
  queuing?: { queues: number; handSize: number };
}

function limited(name: string, { shares, lendable, queuing }: Shares): Level {
  const limitResponse: flowcontrolv1.LimitResponse =
    queuing === undefined
      ? { type: 'Reject' }
      : { type: 'Queue', queuing: { ...queuing, queueLengthLimit: 50 } };
  return level(name, {
    type: 'Limited',
    limited: { nominalConcurrencyShares: shares, lendablePercent: lendable, limitResponse },
  });
}

const WIDE = { queues: 128, handSize: 6 };

/** `exempt` and `catch-all` are mandatory: their specs are fixed. */
export const defaultPriorityLevels: readonly Level[] = [
  level('exempt', { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } }),
  limited('catch-all', { shares: 5, lendable: 0 }),
  limited('system', { shares: 30, lendable: 33, queuing: { queues: 64, handSize: 6 } }),
  limited('node-high', { shares: 40, lendable: 25, queuing: { queues: 64, handSize: 6 } }),
  limited('leader-election', { shares: 10, lendable: 0, queuing: { queues: 16, handSize: 4 } }),
  limited('workload-high', { shares: 40, lendable: 50, queuing: WIDE }),
  limited('workload-low', { shares: 100, lendable: 90, queuing: WIDE }),
  limited('global-default', { shares: 20, lendable: 50, queuing: WIDE }),
];

interface Flow {
  level: string;
  precedence: number;
  by?: 'ByUser' | 'ByNamespace';
  rules: flowcontrolv1.PolicyRulesWithSubjects;
}

function flow(name: string, { level: levelName, precedence, by, rules }: Flow): Schema {
  return {
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    kind: 'FlowSchema',
    metadata: { name, annotations: AUTO_UPDATE },
    spec: {
      priorityLevelConfiguration: { name: levelName },
      matchingPrecedence: precedence,
      ...(by !== undefined && { distinguisherMethod: { type: by } }),
      rules: [rules],
    },
  };
}

const groups = (...names: string[]): flowcontrolv1.Subject[] =>
  names.map((name) => ({ kind: 'Group', group: { name } }));
const users = (...names: string[]): flowcontrolv1.Subject[] =>
  names.map((name) => ({ kind: 'User', user: { name } }));
const systemAccounts = (...names: string[]): flowcontrolv1.Subject[] =>
  names.map((name) => ({ kind: 'ServiceAccount', serviceAccount: { name, namespace: 'kube-system' } }));

const CONTROLLER_MANAGER = 'system:kube-controller-manager';
const SCHEDULER = 'system:kube-scheduler';

export const defaultFlowSchemas: readonly Schema[] = [
  flow('exempt', {
    level: 'exempt',
    precedence: 1,
    rules: { subjects: groups('system:masters'), ...EVERYTHING },
  }),
  flow('probes', {
    level: 'exempt',
    precedence: 2,
    rules: {
      subjects: groups(...EVERYBODY),
      nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
    },
  }),
  flow('system-leader-election', {
    level: 'leader-election',
    precedence: 100,
    by: 'ByUser',
    rules: {
      subjects: [...users(CONTROLLER_MANAGER, SCHEDULER), ...systemAccounts('*')],
      resourceRules: [LEASES],
    },
  }),
  flow('endpoint-controller', {
    level: 'workload-high',
    precedence: 150,
    by: 'ByUser',
    rules: {
      subjects: [
        ...users(CONTROLLER_MANAGER),
        ...systemAccounts('endpoint-controller', 'endpointslicemirroring-controller'),
      ],
      resourceRules: [
        { verbs: ['get', 'create', 'update'], apiGroups: [''], resources: ['endpoints'], namespaces: ['*'] },
      ],
    },
  }),
  flow('workload-leader-election', {
    level: 'leader-election',
    precedence: 200,
    by: 'ByUser',
    rules: { subjects: systemAccounts('*'), resourceRules: [LEASES] },
  }),
  flow('system-node-high', {
    level: 'node-high',
    precedence: 400,
    by: 'ByUser',
    rules: {
      subjects: groups('system:nodes'),
      resourceRules: [
        {
          verbs: ['*'],
          apiGroups: [''],
          resources: ['nodes', 'nodes/status'],
          namespaces: ['*'],
          clusterScope: true,
        },
        { verbs: ['*'], apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] },
      ],
    },
  }),
  flow('system-nodes', {
    level: 'system',
    precedence: 500,
    by: 'ByUser',
    rules: { subjects: groups('system:nodes'), ...EVERYTHING },
  }),
  flow('kube-controller-manager', {
    level: 'workload-high',
    precedence: 800,
    by: 'ByNamespace',
    rules: { subjects: users(CONTROLLER_MANAGER), ...EVERYTHING },
  }),
  flow('kube-scheduler', {
    level: 'workload-high',
    precedence: 800,
    by: 'ByNamespace',
    rules: { subjects: users(SCHEDULER), ...EVERYTHING },
  }),
  flow('kube-system-service-accounts', {
    level: 'workload-high',
    precedence: 900,
    by: 'ByNamespace',
    rules: { subjects: systemAccounts('*'), ...EVERYTHING },
  }),
  flow('service-accounts', {
    level: 'workload-low',
    precedence: 9000,
    by: 'ByUser',
    rules: { subjects: groups('system:serviceaccounts'), ...EVERYTHING },
  }),
  flow('global-default', {
    level: 'global-default',
    precedence: 9900,
    by: 'ByUser',
    rules: { subjects: groups(...EVERYBODY), ...EVERYTHING },
  }),
  flow('catch-all', {
    level: 'catch-all',
    precedence: 10_000,
    by: 'ByUser',
    rules: { subjects: groups(...EVERYBODY), ...EVERYTHING },
  }),
];

const MANDATORY = new Set(['exempt', 'catch-all']);

/** The fixed spec of a mandatory object. */
export function mandatoryFlowSchema(name: string): Schema | undefined {
  return MANDATORY.has(name) ? defaultFlowSchemas.find(({ metadata }) => metadata.name === name) : undefined;
}

export function mandatoryPriorityLevel(name: string): Level | undefined {
  return MANDATORY.has(name)
    ? defaultPriorityLevels.find(({ metadata }) => metadata.name === name)
    : undefined;
}
