import { type CustomResourceDefinition, customResource, type Resource } from '../../kube/index.ts';

export const METRICS_GROUP = 'metrics.k8s.io';
const VERSION = 'v1beta1';

const META = {
  timestamp: { type: 'string', format: 'date-time', description: 'When the measured time ended.' },
  window: { type: 'string', description: 'How long it was.' },
};
const USAGE = {
  type: 'object',
  description: 'What was used: cpu on average, memory at the end of the window.',
  additionalProperties: { 'x-kubernetes-int-or-string': true },
};
const CONTAINERS = {
  type: 'array',
  description: 'What each container of the pod used.',
  items: { type: 'object', properties: { name: { type: 'string' }, usage: USAGE } },
};

/**
 * NodeMetrics and PodMetrics, which are measured when they are asked for and never stored. Described as a definition
 * would, so that tables, discovery and OpenAPI come of themselves.
 * Source: k8s.io/metrics/pkg/apis/metrics/v1beta1.
 */
export function metricsResources(): Resource[] {
  return [
    described('nodes', 'NodeMetrics', false, { ...META, usage: USAGE }, '.usage'),
    described('pods', 'PodMetrics', true, { ...META, containers: CONTAINERS }, '.containers[0].usage'),
  ];
}

function described(
  plural: string,
  kind: string,
  namespaced: boolean,
  properties: object,
  usage: string,
): Resource {
  const names = { plural, kind, listKind: `${kind}List`, singular: '' };
  const column = (name: string, jsonPath: string) => ({ name, type: 'string', jsonPath });
  const version = {
    name: VERSION,
    served: true,
    storage: true,
    schema: { openAPIV3Schema: { type: 'object', properties } },
    additionalPrinterColumns: [
      column('cpu', `${usage}.cpu`),
      column('memory', `${usage}.memory`),
      column('window', '.window'),
    ],
  };
  const definition = {
    metadata: { name: `${plural}.${METRICS_GROUP}` },
    spec: { group: METRICS_GROUP, scope: namespaced ? 'Namespaced' : 'Cluster', names, versions: [version] },
    status: { acceptedNames: names },
  } as unknown as CustomResourceDefinition;
  const resource = customResource(definition, definition.spec.versions[0]!);
  return { ...resource, singularName: '', verbs: ['get', 'list'], subresources: [] };
}
