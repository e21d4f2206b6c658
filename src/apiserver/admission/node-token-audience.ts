import type { authenticationv1, corev1, storagev1 } from '../../kube/index.ts';
import type { Authorizer } from '../authorization/authorizer.ts';
import { forbidden } from '../errors.ts';
import type { AdmissionRequest, StoredObjects } from './admission.ts';

const VERB = 'request-serviceaccounts-token-audience';

/**
 * Tokens of its pods, for whom those pods mean them: a node that is somebody else's by now must not get tokens that
 * open what its pods never asked for. ServiceAccountNodeAudienceRestriction, on since Kubernetes 1.33.
 *
 * Source: k8s.io/kubernetes/plugin/pkg/admission/noderestriction validateNodeServiceAccountAudience.
 *
 * @throws OrreryError Forbidden
 */
export async function checkNodeTokenAudience(
  { objects, authorizer }: { objects: StoredObjects; authorizer: Authorizer },
  request: AdmissionRequest,
  pod: Readonly<corev1.Pod>,
): Promise<void> {
  const { user, workspace, namespace, name, resource } = request;
  const audiences = (request.body as authenticationv1.TokenRequest).spec?.audiences ?? [];
  if (audiences.length > 1) throw forbidden(resource, name, 'node may only request 0 or 1 audiences');
  const audience = audiences[0] ?? '';
  if (await isMeantFor(objects, workspace, pod, audience)) return;
  const { verdict } = await authorizer.authorize({
    user,
    workspace,
    verb: VERB,
    path: '',
    resource: { group: '', version: 'v1', resource: audience, name, namespace: namespace! },
  });
  if (verdict === 'allow') return;
  throw forbidden(
    resource,
    name,
    `audience ${JSON.stringify(audience)} not found in pod spec volume, ${user.name} is not authorized to request tokens for this audience`,
  );
}

async function isMeantFor(
  objects: StoredObjects,
  workspace: string,
  pod: Readonly<corev1.Pod>,
  audience: string,
): Promise<boolean> {
  for (const volume of pod.spec?.volumes ?? []) {
    const sources = volume.projected?.sources ?? [];
    if (
      sources.some((one) => one.serviceAccountToken && (one.serviceAccountToken.audience ?? '') === audience)
    )
      return true;
    const name = volume.csi?.driver ?? (await driverOfClaim(objects, workspace, pod, volume));
    if (name === undefined) continue;
    const driver = await objects.find<storagev1.CSIDriver>(
      { group: 'storage.k8s.io', resource: 'csidrivers' },
      { workspace, name },
    );
    if (driver?.spec.tokenRequests?.some((one) => one.audience === audience) === true) return true;
  }
  return false;
}

async function driverOfClaim(
  objects: StoredObjects,
  workspace: string,
  { metadata }: Readonly<corev1.Pod>,
  { name: volumeName, ephemeral, persistentVolumeClaim }: corev1.Volume,
): Promise<string | undefined> {
  const name = ephemeral === undefined ? persistentVolumeClaim?.claimName : `${metadata.name}-${volumeName}`;
  if (name === undefined) return undefined;
  const claim = await objects.find<corev1.PersistentVolumeClaim>(
    { group: '', resource: 'persistentvolumeclaims' },
    { workspace, namespace: metadata.namespace!, name },
  );
  if (!claim?.spec.volumeName) return undefined;
  const volume = await objects.find<corev1.PersistentVolume>(
    { group: '', resource: 'persistentvolumes' },
    { workspace, name: claim.spec.volumeName },
  );
  return volume?.spec.csi?.driver;
}
