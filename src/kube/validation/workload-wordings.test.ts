import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../object.ts';
import { builtinResources } from '../resources/builtin-resources.ts';
import { workloadSamples } from '../resources/workload-samples.test-data.ts';
import { fieldErrorText } from './field-errors.ts';
import { validateCreate, validateStatusUpdate, validateUpdate } from './validate.ts';

const NOW = new Date('2026-01-01T00:00:00Z');

// biome-ignore lint/suspicious/noExplicitAny: the test breaks what the types forbid to break
type Loose = any;
type Change = (object: Loose) => void;

function resourceOf(key: string) {
  return builtinResources.find(({ group, name }) => `${group}/${name}` === key)!;
}

function stored(key: string, change: Change = () => undefined): KubeObject {
  const resource = resourceOf(key);
  const object = structuredClone(workloadSamples[key]) as KubeObject;
  resource.defaults?.(object);
  object.metadata.uid = 'u';
  object.metadata.resourceVersion = '7';
  resource.prepareForCreate?.(object);
  change(object);
  return object;
}

/** Upstream's sentences, from its validation packages. */
describe('a create is refused', () => {
  test.each<[string, string, Change]>([
    [
      'apps/statefulsets',
      "spec.podManagementPolicy: Invalid value: \"x\": must be 'OrderedReady' or 'Parallel'",
      ({ spec }) => (spec.podManagementPolicy = 'x'),
    ],
    [
      'apps/statefulsets',
      'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0',
      ({ spec }) => (spec.updateStrategy.rollingUpdate.maxUnavailable = 0),
    ],
    [
      'apps/daemonsets',
      'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero',
      ({ spec }) => (spec.updateStrategy.rollingUpdate.maxSurge = 1),
    ],
    [
      'batch/jobs',
      'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
      ({ spec }) => (spec.template.spec.restartPolicy = 'Always'),
    ],
    [
      'batch/jobs',
      'spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator',
      ({ spec }) => (spec.podFailurePolicy.rules[0].onExitCodes.values = [0, 1]),
    ],
    [
      'batch/jobs',
      'spec.podFailurePolicy.rules[1]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required',
      ({ spec }) => delete spec.podFailurePolicy.rules[1].onPodConditions,
    ],
    [
      'batch/jobs',
      'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "9": error parsing succeededIndexes: too large index: "9"',
      ({ spec }) => (spec.successPolicy.rules[0] = { succeededIndexes: '9' }),
    ],
    [
      'batch/cronjobs',
      'spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
      ({ spec }) => (spec.schedule = 'TZ=UTC 0 * * * *'),
    ],
    [
      'batch/cronjobs',
      'spec.timeZone: Invalid value: "Mars/Olympus": unknown time zone Mars/Olympus',
      ({ spec }) => (spec.timeZone = 'Mars/Olympus'),
    ],
    [
      'batch/cronjobs',
      `metadata.name: Invalid value: "${'a'.repeat(53)}": must be no more than 52 bytes`,
      ({ metadata }) => (metadata.name = 'a'.repeat(53)),
    ],
    [
      'autoscaling/horizontalpodautoscalers',
      'spec.maxReplicas: Invalid value: 1: must be greater than or equal to `minReplicas`',
      ({ spec }) => Object.assign(spec, { minReplicas: 2, maxReplicas: 1 }),
    ],
    [
      'policy/poddisruptionbudgets',
      'spec.minAvailable: Invalid value: "101%": must not be greater than 100%',
      ({ spec }) => (spec.minAvailable = '101%'),
    ],
    [
      '/persistentvolumeclaims',
      'spec.accessModes: Required value: at least 1 access mode is required',
      ({ spec }) => delete spec.accessModes,
    ],
    [
      '/persistentvolumes',
      'spec.nfs: Forbidden: may not specify more than 1 volume type',
      ({ spec }) => (spec.nfs = { server: 'a', path: '/b' }),
    ],
    [
      '/limitranges',
      'spec.limits[0].min[cpu]: Invalid value: "3": min value 3 is greater than max value 2',
      ({ spec }) => (spec.limits[0].min.cpu = '3'),
    ],
    [
      '/resourcequotas',
      'spec.hard[oranges]: Invalid value: "oranges": must be a standard resource for quota',
      ({ spec }) => (spec.hard.oranges = '1'),
    ],
  ])('%s: %s', (key, sentence, change) => {
    expect(validateCreate(resourceOf(key), stored(key, change)).map(fieldErrorText)).toContain(sentence);
  });
});

describe('an update is refused', () => {
  test.each<[string, string, Change]>([
    [
      'apps/statefulsets',
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
      ({ spec }) => (spec.serviceName = 'other'),
    ],
    [
      'batch/jobs',
      'spec.completions: Invalid value: 2: can only be modified in tandem with spec.parallelism, such that spec.completions == spec.parallelism',
      ({ spec }) => Object.assign(spec, { completions: 2, parallelism: 1, successPolicy: undefined }),
    ],
    [
      '/persistentvolumeclaims',
      'spec.volumeMode: Invalid value: "Block": field is immutable',
      ({ spec }) => (spec.volumeMode = 'Block'),
    ],
  ])('%s: %s', (key, sentence, change) => {
    const errors = validateUpdate(resourceOf(key), stored(key, change), stored(key));
    expect(errors.map(fieldErrorText)).toContain(sentence);
  });

  test('of a Job’s status that ends it in two ways, or in none properly', () => {
    const conditions = [{ type: 'Complete', status: 'True' }];
    const next = stored('batch/jobs', (job) => (job.status = { conditions }));
    const errors = validateStatusUpdate(resourceOf('batch/jobs'), next, stored('batch/jobs'), { now: NOW });
    expect(errors.map(fieldErrorText)).toEqual([
      'status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
      'status.completionTime: Required value: completionTime is required for Complete jobs',
      'status.startTime: Required value: startTime is required for finished job',
    ]);
  });
});

test('a bound claim may grow', () => {
  const bound = stored('/persistentvolumeclaims', (claim) => {
    claim.spec.volumeName = 'v';
    claim.status = { phase: 'Bound', capacity: { storage: '1Gi' } };
  });
  const resource = resourceOf('/persistentvolumeclaims');
  const sized = (storage: string) => {
    const next = structuredClone(bound) as Loose;
    next.spec.resources.requests.storage = storage;
    return validateUpdate(resource, next, bound).map(fieldErrorText);
  };
  expect(sized('2Gi')).toEqual([]);
  expect(sized('512Mi')).toEqual([
    'spec.resources.requests.storage: Forbidden: field can not be less than status.capacity',
  ]);
});
