import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, POD_METRICS } from '../../src/client/index.ts';
import type { appsv1, autoscalingv2 } from '../../src/kube/index.ts';
import { until } from './control-plane-fixture.ts';
import { whyNotHere } from './engine-fixture.ts';
import { NODE_NAME, type NodeFixture, shell, startNodeFixture } from './node-fixture.ts';

const missing = await whyNotHere();
const namespace = 'default';
type Autoscaler = autoscalingv2.HorizontalPodAutoscaler;

describe.skipIf(missing !== '')(`autoscalers${missing && ` (skipped: ${missing})`}`, () => {
  let cloud: NodeFixture;

  beforeAll(async () => {
    cloud = await startNodeFixture();
    const labels = { app: 'eater' };
    const container = shell('a', 'trap "exit 0" TERM; while true; do sleep 0.05; done', {
      resources: { requests: { cpu: '10m', memory: '1Mi' } },
    });
    const template = { metadata: { labels }, spec: { nodeName: NODE_NAME, containers: [container] } };
    await cloud.client.resource<appsv1.Deployment>(DEPLOYMENTS).create({
      metadata: { name: 'eater', namespace },
      spec: { replicas: 1, selector: { matchLabels: labels }, template: template as never },
    });
    await until<appsv1.Deployment, true>(
      cloud.client,
      DEPLOYMENTS,
      namespace,
      ([one]) => one?.status?.readyReplicas === 1 && true,
    );
  });

  afterAll(async () => {
    await cloud.dispose();
  });

  const make = (name: string, kind: string, target: string, metrics: autoscalingv2.MetricSpec[]) =>
    cloud.client.resource<Autoscaler>(HORIZONTAL_POD_AUTOSCALERS).create({
      metadata: { name, namespace },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind, name: target },
        minReplicas: 1,
        maxReplicas: 3,
        metrics,
      },
    });
  const settled = (name: string, look: (one: Autoscaler) => boolean) =>
    until<Autoscaler, Autoscaler>(cloud.client, HORIZONTAL_POD_AUTOSCALERS, namespace, (all) =>
      all.find((one) => one.metadata.name === name && look(one)),
    );
  const condition = ({ status }: Autoscaler, type: string) => {
    const { status: is, reason } = status?.conditions?.find((one) => one.type === type) ?? {};
    return [is, reason];
  };

  test('set the replicas of their target by what its pods use', async () => {
    const measured = async () => (await cloud.client.resource(POD_METRICS).list({ namespace })).items.length;
    await expect.poll(measured, { timeout: 20_000 }).toBe(1);
    const target = { type: 'AverageValue', averageValue: '1Ki' };
    await make('memory', 'Deployment', 'eater', [{ type: 'Resource', resource: { name: 'memory', target } }]);
    const scaled = await settled('memory', ({ status }) => status?.desiredReplicas === 3);
    expect(condition(scaled, 'AbleToScale')).toEqual(['True', 'SucceededRescale']);
    expect(condition(scaled, 'ScalingActive')).toEqual(['True', 'ValidMetricFound']);
    expect(condition(scaled, 'ScalingLimited')).toEqual(['True', 'TooManyReplicas']);
    expect(scaled.status).toMatchObject({
      currentReplicas: 1,
      currentMetrics: [
        { type: 'Resource', resource: { name: 'memory', current: { averageValue: expect.any(String) } } },
      ],
      lastScaleTime: expect.any(String),
    });
    await until<appsv1.Deployment, true>(
      cloud.client,
      DEPLOYMENTS,
      namespace,
      ([one]) => one?.status?.readyReplicas === 3 && true,
    );
    expect(await cloud.untilEvent('memory', 'New size: 3; reason: memory resource above target')).toContain(
      'SuccessfulRescale',
    );
  });

  test('say what is wrong with a target or a metric', async () => {
    const target = { type: 'AverageValue', averageValue: '1' };
    await make('nobody', 'Deployment', 'nobody', []);
    const lost = await settled('nobody', ({ status }) => status?.conditions !== undefined);
    expect(condition(lost, 'AbleToScale')).toEqual(['False', 'FailedGetScale']);
    await make('custom', 'Deployment', 'eater', [
      { type: 'Pods', pods: { metric: { name: 'hits' }, target } },
    ]);
    const custom = await settled('custom', (one) => condition(one, 'ScalingActive')[0] === 'False');
    expect(condition(custom, 'ScalingActive')).toEqual(['False', 'FailedGetPodsMetric']);
    expect(custom.status!.conditions!.find(({ type }) => type === 'ScalingActive')!.message).toContain(
      'no custom metrics API (custom.metrics.k8s.io) registered',
    );
  });
});
