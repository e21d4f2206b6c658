import { describe, expect, test } from 'vitest';
import type { autoscalingv1, autoscalingv2 } from '../types/index.generated.ts';
import { toAutoscalerV1, toAutoscalerV2 } from './autoscaler-conversion.ts';

const metadata = { name: 'web', namespace: 'default', annotations: { own: 'x' } };
const scaleTargetRef = { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' };
const cpu = {
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 60 } },
};

const full = {
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata,
  spec: {
    scaleTargetRef,
    minReplicas: 1,
    maxReplicas: 5,
    metrics: [
      {
        type: 'Object',
        object: {
          describedObject: { kind: 'Service', name: 'web' },
          metric: { name: 'requests' },
          target: { type: 'Value', value: '100' },
        },
      },
      {
        type: 'Pods',
        pods: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '5' } },
      },
      {
        type: 'External',
        external: { metric: { name: 'topic' }, target: { type: 'AverageValue', averageValue: '7' } },
      },
      cpu,
    ],
    behavior: { scaleDown: { stabilizationWindowSeconds: 60, policies: [] } },
  },
  status: {
    currentReplicas: 2,
    desiredReplicas: 3,
    currentMetrics: [
      {
        type: 'Resource',
        resource: { name: 'cpu', current: { averageUtilization: 50, averageValue: '10m' } },
      },
    ],
    conditions: [{ type: 'AbleToScale', status: 'True' }],
  },
} as unknown as autoscalingv2.HorizontalPodAutoscaler;

describe('an autoscaler', () => {
  test('is the same after a way to v1 and back', () => {
    expect(toAutoscalerV2(toAutoscalerV1(full))).toEqual(full);
  });

  test('shows its CPU target in v1, and the rest in annotations', () => {
    const old = toAutoscalerV1(full);
    expect(old).toMatchObject({
      apiVersion: 'autoscaling/v1',
      spec: { targetCPUUtilizationPercentage: 60 },
      status: { currentCPUUtilizationPercentage: 50 },
    });
    const metrics = JSON.parse(old.metadata.annotations!['autoscaling.alpha.kubernetes.io/metrics']!);
    expect(metrics[0]).toEqual({
      type: 'Object',
      object: { target: { kind: 'Service', name: 'web' }, metricName: 'requests', targetValue: '100' },
    });
    expect(old.spec).not.toHaveProperty('metrics');
  });

  test('of v1 becomes one of v2; annotations that are not JSON say nothing', () => {
    const old = {
      metadata: { ...metadata, annotations: { 'autoscaling.alpha.kubernetes.io/metrics': '[' } },
      spec: { scaleTargetRef, maxReplicas: 3, targetCPUUtilizationPercentage: 60 },
    } as unknown as autoscalingv1.HorizontalPodAutoscaler;
    const { spec, metadata: after } = toAutoscalerV2(old);
    expect(spec).toEqual({ scaleTargetRef, maxReplicas: 3, metrics: [cpu] });
    expect(after.annotations).toBeUndefined();
  });
});
