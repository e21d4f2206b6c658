import { AlreadyExists, NotFound } from '../../base/index.ts';
import { type Client, CONTROLLER_REVISIONS, type ResourceRef, workspaceOf } from '../../client/index.ts';
import {
  type appsv1,
  type corev1,
  type KubeObject,
  podTemplateHash,
  semanticallyEqual,
} from '../../kube/index.ts';
import { controllerRefTo } from '../ownership/controller-ref.ts';

type Revision = appsv1.ControllerRevision;

export interface RevisionsOptions {
  client: Client;
  owner: KubeObject;
  resource: ResourceRef;
  template: corev1.PodTemplateSpec;
  /** Labels of the revisions: what the owner's selector selects. */
  labels: Record<string, string>;
  collisionCount: number;
  /** All that the owner has. */
  revisions: readonly Revision[];
}

export interface Revisions {
  /** That of the template as it is now. */
  update: Revision;
  /** Oldest first. */
  all: Revision[];
  collisionCount: number;
}

/** What a revision keeps of its owner: the template, to be put in the place of whatever is there. */
function dataOf(template: corev1.PodTemplateSpec): object {
  return { spec: { template: { ...template, $patch: 'replace' } } };
}

/** The template a revision stands for. */
export function templateOf({ data }: Revision): corev1.PodTemplateSpec {
  const { $patch: _, ...template } = (data as { spec: { template: Record<string, unknown> } }).spec.template;
  return template as unknown as corev1.PodTemplateSpec;
}

/**
 * Finds or makes the revision of the owner's template. One that the owner goes back to becomes the newest again.
 *
 * @see k8s.io/kubernetes/pkg/controller/history/controller_history.go
 */
export async function syncRevisions(options: RevisionsOptions): Promise<Revisions> {
  const { owner, client, template } = options;
  const all = options.revisions.toSorted(byNumber);
  const next = (all.at(-1)?.revision ?? 0) + 1;
  const equal = all.filter((one) => semanticallyEqual(one.data, dataOf(template))).at(-1);
  const { collisionCount } = options;
  if (equal === undefined) {
    const made = await create(options, next);
    return { ...made, all: [...all, made.update] };
  }
  if (equal === all.at(-1)) return { update: equal, all, collisionCount };
  const api = client.in(workspaceOf(owner)).resource<Revision>(CONTROLLER_REVISIONS);
  const update = await api.update({ ...equal, revision: next });
  return { update, all: [...all.filter((one) => one !== equal), update], collisionCount };
}

function byNumber(a: Revision, b: Revision): number {
  return (
    (a.revision ?? 0) - (b.revision ?? 0) ||
    Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp)
  );
}

async function create(
  options: RevisionsOptions,
  revision: number,
): Promise<{ update: Revision; collisionCount: number }> {
  const { client, owner, resource, template, labels } = options;
  const api = client.in(workspaceOf(owner)).resource<Revision>(CONTROLLER_REVISIONS);
  const namespace = owner.metadata.namespace!;
  for (let collisionCount = options.collisionCount; ; collisionCount++) {
    const hash = podTemplateHash(template, collisionCount);
    const name = `${owner.metadata.name}-${hash}`;
    const data = dataOf(template);
    try {
      const update = await api.create({
        metadata: {
          name,
          namespace,
          labels: { ...labels, 'controller.kubernetes.io/hash': hash },
          ownerReferences: [controllerRefTo(owner, resource)],
        },
        data,
        revision,
      });
      return { update, collisionCount };
    } catch (error) {
      if (!(error instanceof AlreadyExists)) throw error;
      const found = await api.get(name, namespace);
      const ours = found.metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid) === true;
      if (ours && semanticallyEqual(found.data, data)) return { update: found, collisionCount };
    }
  }
}

/** Drops the oldest revisions that nothing runs, above `limit`. */
export async function dropOldRevisions(
  client: Client,
  { all, update }: Revisions,
  live: ReadonlySet<string>,
  limit: number,
): Promise<void> {
  const idle = all.filter(
    ({ metadata }) => metadata.name !== update.metadata.name && !live.has(metadata.name),
  );
  for (const revision of idle.slice(0, Math.max(0, idle.length - limit))) {
    const { name, namespace, uid } = revision.metadata;
    try {
      await client
        .in(workspaceOf(revision))
        .resource<Revision>(CONTROLLER_REVISIONS)
        .delete(name, { namespace: namespace!, preconditions: { uid } });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }
}
