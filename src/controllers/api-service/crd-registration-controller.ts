import { AlreadyExists, NotFound } from '../../base/index.ts';
import {
  API_SERVICES,
  Controller,
  CUSTOM_RESOURCE_DEFINITIONS,
  type Informer,
  makeKey,
  splitKey,
  workspaceOf,
} from '../../client/index.ts';
import {
  type apiextensionsv1,
  type apiregistrationv1,
  CLUSTER_ANNOTATION,
  ROOT_WORKSPACE,
  semanticallyEqual,
} from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';

type Definition = apiextensionsv1.CustomResourceDefinition;
type Service = apiregistrationv1.APIService;

const AUTO_MANAGED = 'kube-aggregator.kubernetes.io/automanaged';
/** CRDs come after everything that is built in or aggregated. */
const PRIORITY = { groupPriorityMinimum: 1000, versionPriority: 100 };

/**
 * Keeps a local APIService for every group version that a CustomResourceDefinition serves, and takes it away with the
 * last of them. What is done to one of these is undone; one that somebody else made is left alone.
 * Source: k8s.io/kubernetes/pkg/controlplane/controller/crdregistration, k8s.io/kube-aggregator/pkg/controllers/autoregister.
 */
export class CrdRegistrationController implements RunnableController {
  readonly name = 'crd-registration-controller';
  readonly #context: ControllerContext;
  readonly #definitions: Informer<Definition>;
  readonly #services: Informer<Service>;
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#definitions = context.informers.informer<Definition>(CUSTOM_RESOURCE_DEFINITIONS, withoutSchemas);
    this.#services = context.informers.informer<Service>(API_SERVICES);
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      reconcile: (key) => this.#reconcile(key),
    });
    const add = (definition: Definition) => this.#addAll(definition);
    this.#definitions.addHandler({
      onAdd: add,
      onUpdate: (definition, old) => {
        add(old);
        add(definition);
      },
      onDelete: add,
    });
    const { queue } = this.#controller;
    const addService = (service: Service) =>
      queue.add(makeKey(workspaceOf(service), '', service.metadata.name));
    this.#services.addHandler({
      onAdd: (service) => isManaged(service) && addService(service),
      onUpdate: (service, old) => (isManaged(service) || isManaged(old)) && addService(service),
      onDelete: addService,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#definitions, this.#services)) await this.#controller.run(signal);
  }

  /** Elsewhere than in the first workspace nothing is registered: APIs of extension servers are served there alone. */
  #addAll(definition: Definition): void {
    if (workspaceOf(definition) !== ROOT_WORKSPACE) return;
    for (const { name } of definition.spec.versions)
      this.#controller.queue.add(makeKey(workspaceOf(definition), '', `${name}.${definition.spec.group}`));
  }

  async #reconcile(key: string): Promise<undefined> {
    const { workspace, name } = splitKey(key);
    const dot = name.indexOf('.');
    const [version, group] = [name.slice(0, dot), name.slice(dot + 1)];
    const current = this.#services.get(key);
    const wanted = this.#definitions
      .byIndex('namespace', `${workspace}|`)
      .some((definition) => serves(definition, group, version));
    const spec = { group, version, ...PRIORITY };
    const services = this.#context.client.in(workspace).resource<Service>(API_SERVICES);
    try {
      if (wanted && current === undefined)
        await services.create({
          metadata: { name, labels: { [AUTO_MANAGED]: 'true' } },
          spec: spec as apiregistrationv1.APIServiceSpec,
          status: {},
        });
      if (wanted && isManaged(current) && !semanticallyEqual(current.spec, spec))
        await services.update({ ...current, spec: spec as apiregistrationv1.APIServiceSpec });
      if (!wanted && isManaged(current))
        await services.delete(name, { preconditions: { uid: current.metadata.uid } });
    } catch (error) {
      if (!(error instanceof AlreadyExists) && !(error instanceof NotFound)) throw error;
    }
  }
}

function isManaged(service: Service | undefined): service is Service {
  return service?.metadata.labels?.[AUTO_MANAGED] === 'true';
}

/** Schemas can be large, and which versions there are is all that counts here. */
function withoutSchemas(definition: Definition): Definition {
  delete definition.metadata.managedFields;
  const cluster = definition.metadata.annotations?.[CLUSTER_ANNOTATION];
  definition.metadata.annotations = cluster === undefined ? {} : { [CLUSTER_ANNOTATION]: cluster };
  const versions = definition.spec.versions.map(({ name, served, storage }) => ({ name, served, storage }));
  return { ...definition, spec: { ...definition.spec, versions } };
}

function serves({ spec, status }: Definition, group: string, version: string): boolean {
  const established = status?.conditions?.some(
    (condition) => condition.type === 'Established' && condition.status === 'True',
  );
  return (
    established === true &&
    spec.group === group &&
    spec.versions.some(({ name, served }) => name === version && served)
  );
}
