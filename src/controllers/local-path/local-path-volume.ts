import { join } from 'node:path';
import { type corev1, type Draft, STORAGE_ANNOTATIONS, type storagev1 } from '../../kube/index.ts';

type Claim = corev1.PersistentVolumeClaim;
type Volume = corev1.PersistentVolume;

export const LOCAL_PATH_PROVISIONER = 'rancher.io/local-path';
/** Holds a volume until its folder is gone from the node. */
export const FOLDER_FINALIZER = 'local-path.orrery.dev/folder';
export const LOCAL_PATH_CLASS: Draft<storagev1.StorageClass> & { metadata: { name: string } } = {
  metadata: {
    name: 'local-path',
    annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
  },
  provisioner: LOCAL_PATH_PROVISIONER,
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
};

const HOSTNAME = 'kubernetes.io/hostname';
const SINGLE_NODE_MODES = new Set(['ReadWriteOnce', 'ReadWriteOncePod']);

/** The name of a claim's volume, whoever makes it. */
export function volumeNameFor(claim: Claim): string {
  return `pvc-${claim.metadata.uid}`;
}

/** As rancher's provisioner names it: the claim is found by looking. */
export function folderFor(claim: Claim): string {
  const { namespace, name } = claim.metadata;
  return `${volumeNameFor(claim)}_${namespace}_${name}`;
}

/** Why a claim cannot be a folder of a node; undefined when it can. */
export function whyNotLocal(claim: Claim, { parameters }: storagev1.StorageClass): string | undefined {
  const [parameter] = Object.keys(parameters ?? {});
  if (parameter !== undefined) return `parameter ${parameter} of the class is not supported`;
  if (claim.spec.volumeMode === 'Block') return 'block volumes are not supported';
  if (claim.spec.selector !== undefined) return 'claim.Spec.Selector is not supported';
  if (claim.spec.dataSourceRef !== undefined || claim.spec.dataSource !== undefined)
    return 'claim.Spec.DataSource is not supported';
  const isSingle = (claim.spec.accessModes ?? []).every((mode) => SINGLE_NODE_MODES.has(mode));
  return isSingle
    ? undefined
    : 'NodePath only supports ReadWriteOnce and ReadWriteOncePod (1.22+) access modes';
}

/**
 * The volume for a claim on that node.
 *
 * @param directory where the node keeps such folders
 */
export function draftVolume(
  claim: Claim,
  storageClass: storagev1.StorageClass,
  node: corev1.Node,
  directory: string,
): Draft<Volume> & { metadata: { name: string } } {
  const { name, namespace, uid, resourceVersion } = claim.metadata;
  const hostname = node.metadata.labels?.[HOSTNAME] ?? node.metadata.name;
  return {
    metadata: {
      name: volumeNameFor(claim),
      annotations: {
        [STORAGE_ANNOTATIONS.provisionedBy]: LOCAL_PATH_PROVISIONER,
        'local.path.provisioner/selected-node': node.metadata.name,
      },
      finalizers: [FOLDER_FINALIZER],
    },
    spec: {
      capacity: { storage: claim.spec.resources!.requests!.storage! },
      accessModes: claim.spec.accessModes ?? [],
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
      storageClassName: storageClass.metadata.name,
      volumeMode: 'Filesystem',
      ...(storageClass.mountOptions !== undefined && { mountOptions: storageClass.mountOptions }),
      hostPath: { path: join(directory, folderFor(claim)), type: 'DirectoryOrCreate' },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: HOSTNAME, operator: 'In', values: [hostname] }] }],
        },
      },
      claimRef: {
        kind: 'PersistentVolumeClaim',
        apiVersion: 'v1',
        namespace: namespace!,
        name,
        uid,
        ...(resourceVersion !== undefined && { resourceVersion }),
      },
    } as unknown as corev1.PersistentVolumeSpec,
  };
}
