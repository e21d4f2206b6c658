import { BadRequest } from '../../base/index.ts';

/** Which plug-ins an administrator wants beside, or not of, those that are on by default. */
export interface PluginChoice {
  enable?: readonly string[];
  disable?: readonly string[];
}

/**
 * kube-apiserver's plug-ins that are on by default here as there.
 * Source: k8s.io/kubernetes/pkg/kubeapiserver/options/plugins.go.
 */
const ON = [
  'CertificateApproval',
  'CertificateSigning',
  'CertificateSubjectRestriction',
  'ClusterTrustBundleAttest',
  'DefaultIngressClass',
  'DefaultStorageClass',
  'DefaultTolerationSeconds',
  'LimitRanger',
  'MutatingAdmissionPolicy',
  'MutatingAdmissionWebhook',
  'NamespaceLifecycle',
  // Off upstream; kubeadm and k3s switch it on, and our nodes are held by it.
  'NodeRestriction',
  'PersistentVolumeClaimResize',
  'PodSecurity',
  'PodTopologyLabels',
  'Priority',
  'ResourceQuota',
  'RuntimeClass',
  'ServiceAccount',
  'StorageObjectInUseProtection',
  'TaintNodesByCondition',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionWebhook',
] as const;

/** Those an administrator must ask for. */
const OFF = [
  'AlwaysAdmit',
  'AlwaysDeny',
  'AlwaysPullImages',
  'DenyServiceExternalIPs',
  'ExtendedResourceToleration',
  'LimitPodHardAntiAffinityTopology',
  'NamespaceExists',
  'OwnerReferencesPermissionEnforcement',
] as const;

/** Known upstream and not here: asking for one is refused, not wanting one is granted. */
const UNSUPPORTED: readonly string[] = [
  'EventRateLimit',
  'ImagePolicyWebhook',
  'JobValidation',
  'NamespaceAutoProvision',
  'NodeDeclaredFeatureValidator',
  'PodGroupProtection',
  'PodGroupWorkloadExists',
  'PodNodeSelector',
  'PodResizeValidator',
  'PodTolerationRestriction',
];

type PluginName = (typeof ON)[number] | (typeof OFF)[number];

/** @throws BadRequest with kube-apiserver's sentence for a choice that is none. */
export function enabledPlugins({ enable = [], disable = [] }: PluginChoice = {}): ReadonlySet<PluginName> {
  const known = new Set<string>([...ON, ...OFF, ...UNSUPPORTED]);
  for (const [flag, names] of Object.entries({ enable, disable })) {
    const unknown = names.find((name) => !known.has(name));
    if (unknown !== undefined)
      throw new BadRequest(`${flag}-admission-plugins plugin ${JSON.stringify(unknown)} is unknown`);
  }
  const both = enable.filter((name) => disable.includes(name)).sort();
  if (both.length > 0)
    throw new BadRequest(
      `[${both.join(' ')}] in enable-admission-plugins and disable-admission-plugins overlapped`,
    );
  const unsupported = enable.find((name) => UNSUPPORTED.includes(name));
  if (unsupported !== undefined)
    throw new BadRequest(`enable-admission-plugins plugin ${JSON.stringify(unsupported)} is not supported`);
  const wanted = [...ON, ...(enable as PluginName[])].filter((name) => !disable.includes(name));
  return new Set(wanted);
}

/** Whether an administrator may switch it off: not so what keeps the server itself right. */
export function isPluginName(name: string): name is PluginName {
  return [...ON, ...OFF].includes(name as PluginName);
}
