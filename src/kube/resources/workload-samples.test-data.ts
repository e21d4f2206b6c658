/** Objects of the kinds that run, size and guard workloads; test data, keyed by `group/resource`. */
const container = { name: 'web', image: 'local/web:1', resources: { requests: { cpu: '50m' } } };
const labels = { app: 'web' };
const template = { metadata: { labels }, spec: { containers: [container] } };
const selector = { matchLabels: labels };
const jobTemplate = { spec: { restartPolicy: 'Never', containers: [container] } };

const jobSpec = {
  completions: 3,
  parallelism: 2,
  completionMode: 'Indexed',
  backoffLimitPerIndex: 1,
  maxFailedIndexes: 1,
  activeDeadlineSeconds: 100,
  ttlSecondsAfterFinished: 60,
  podFailurePolicy: {
    rules: [
      { action: 'FailJob', onExitCodes: { containerName: 'web', operator: 'In', values: [3, 42] } },
      { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] },
    ],
  },
  successPolicy: { rules: [{ succeededIndexes: '0,2', succeededCount: 1 }] },
  template: jobTemplate,
};

const claim = {
  accessModes: ['ReadWriteOnce'],
  resources: { requests: { storage: '1Gi' } },
  storageClassName: 'local',
};

function sample(apiVersion: string, kind: string, rest: object, namespaced = true): object {
  const metadata = { name: 'hello', ...(namespaced && { namespace: 'default' }) };
  return { apiVersion, kind, metadata, ...rest };
}

export const workloadSamples: Readonly<Record<string, object>> = {
  'apps/statefulsets': sample('apps/v1', 'StatefulSet', {
    spec: {
      selector,
      serviceName: 'web',
      template: {
        metadata: { labels },
        spec: { containers: [{ ...container, volumeMounts: [{ name: 'data', mountPath: '/data' }] }] },
      },
      volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: claim }],
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } },
    },
  }),
  'apps/daemonsets': sample('apps/v1', 'DaemonSet', { spec: { selector, template } }),
  'apps/controllerrevisions': sample('apps/v1', 'ControllerRevision', {
    data: { spec: { template } },
    revision: 2,
  }),
  '/replicationcontrollers': sample('v1', 'ReplicationController', { spec: { selector: labels, template } }),
  '/podtemplates': sample('v1', 'PodTemplate', { template }),
  '/limitranges': sample('v1', 'LimitRange', {
    spec: {
      limits: [
        { type: 'Container', max: { cpu: '2' }, min: { cpu: '10m' }, default: { cpu: '1' } },
        { type: 'PersistentVolumeClaim', max: { storage: '10Gi' } },
      ],
    },
  }),
  '/resourcequotas': sample('v1', 'ResourceQuota', {
    spec: { hard: { 'requests.cpu': '4', pods: '10', 'count/jobs.batch': '5' }, scopes: ['NotTerminating'] },
  }),
  '/persistentvolumes': sample(
    'v1',
    'PersistentVolume',
    {
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOnce'],
        hostPath: { path: '/srv/data' },
        claimRef: { namespace: 'default', name: 'hello' },
      },
    },
    false,
  ),
  '/persistentvolumeclaims': sample('v1', 'PersistentVolumeClaim', { spec: claim }),
  'batch/jobs': sample('batch/v1', 'Job', { spec: jobSpec }),
  'batch/cronjobs': sample('batch/v1', 'CronJob', {
    spec: {
      schedule: '*/5 1-3 * jan-mar mon',
      timeZone: 'Europe/Zurich',
      jobTemplate: { spec: { template: jobTemplate } },
    },
  }),
  'autoscaling/horizontalpodautoscalers': sample('autoscaling/v2', 'HorizontalPodAutoscaler', {
    spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, maxReplicas: 5 },
  }),
  'policy/poddisruptionbudgets': sample('policy/v1', 'PodDisruptionBudget', {
    spec: { minAvailable: '50%', selector, unhealthyPodEvictionPolicy: 'AlwaysAllow' },
  }),
};
