import {
  CoreV1Api,
  KubeConfig,
  KubernetesObjectApi,
  makeInformer,
  type V1ConfigMap,
} from '@kubernetes/client-node';
import type { Ground } from './ground.ts';

const NAMESPACE = 'default';

/** The informer and the object API of Kubernetes' own client for JavaScript. */
export async function clientNode(ground: Ground): Promise<void> {
  const config = new KubeConfig();
  config.loadFromFile(await ground.admin());
  const core = config.makeApiClient(CoreV1Api);
  const seen: string[] = [];
  const path = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
  const informer = makeInformer<V1ConfigMap>(config, path, () =>
    core.listNamespacedConfigMap({ namespace: NAMESPACE }),
  );
  for (const event of ['add', 'update', 'delete'] as const)
    informer.on(event, (object) => seen.push(`${event} ${object.metadata!.name}`));
  informer.on('error', (error) => seen.push(`error ${String(error)}`));
  await core.createNamespacedConfigMap({ namespace: NAMESPACE, body: { metadata: { name: 'before' } } });
  await informer.start();
  const sees = (what: string) =>
    ground.eventually(`its informer sees: ${what}`, async () => seen.includes(what), 5000);
  await sees('add before');
  const objects = KubernetesObjectApi.makeApiClient(config);
  const after = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'after', namespace: NAMESPACE } };
  await objects.create(after);
  await sees('add after');
  const read = (await objects.read(after)) as V1ConfigMap;
  await objects.replace({ ...read, data: { a: 'b' } } as V1ConfigMap);
  await sees('update after');
  await objects.delete(after);
  await sees('delete after');
  ground.check(
    'its cache holds what there is',
    informer.list(NAMESPACE)?.some(({ metadata }) => metadata?.name === 'before') === true,
    informer.list(NAMESPACE),
  );
  await informer.stop();
  ground.check('its informer had no error', !seen.some((one) => one.startsWith('error')), seen);
}
