import type { corev1 } from '../types/index.generated.ts';
import { addedCapabilities, baselineCapabilities, baselineChecks, baselineSeccomp } from './baseline.ts';
import { containerCheck, containersOf, named, type PodCheck, quoted, since } from './violation.ts';

const ADDABLE = new Set(['NET_BIND_SERVICE']);
const VOLUME_TYPES = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

function isWindows(spec: corev1.PodSpec): boolean {
  return spec.os?.name === 'windows';
}

/** Since 1.25 a pod says that it is one of Windows. */
function notOnWindows(check: PodCheck): PodCheck {
  return (spec, minor) => (minor >= 25 && isWindows(spec) ? undefined : check(spec, minor));
}

const allowPrivilegeEscalation = containerCheck(
  'allowPrivilegeEscalation != false',
  ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false,
  'must set securityContext.allowPrivilegeEscalation=false',
);

const capabilities: PodCheck = (spec) => {
  const keeping = containersOf(spec).filter(
    ({ securityContext }) => !securityContext?.capabilities?.drop?.includes('ALL'),
  );
  const details = [
    keeping.length === 0
      ? undefined
      : `${named(
          'container',
          keeping.map(({ name }) => name),
        )} must set securityContext.capabilities.drop=["ALL"]`,
    addedCapabilities(spec, ADDABLE),
  ].filter((one) => one !== undefined);
  return details.length === 0
    ? undefined
    : { reason: 'unrestricted capabilities', detail: details.join('; ') };
};

const volumes: PodCheck = (spec) => {
  const bad = (spec.volumes ?? []).flatMap((volume) => {
    const type = Object.keys(volume).find((field) => field !== 'name');
    return type === undefined || VOLUME_TYPES.has(type) ? [] : [{ name: volume.name, type }];
  });
  if (bad.length === 0) return undefined;
  const types = [...new Set(bad.map(({ type }) => type))].sort();
  const uses = bad.length === 1 ? 'uses' : 'use';
  const word = types.length === 1 ? 'restricted volume type' : 'restricted volume types';
  return {
    reason: 'restricted volume types',
    detail: `${named(
      'volume',
      bad.map(({ name }) => name),
    )} ${uses} ${word} ${quoted(types)}`,
  };
};

const runAsNonRoot: PodCheck = (spec) => {
  const ofPod = spec.securityContext?.runAsNonRoot;
  const all = containersOf(spec);
  const bad = all.filter(({ securityContext }) => securityContext?.runAsNonRoot === false);
  const details = [
    ...(ofPod === false ? ['pod'] : []),
    ...(bad.length > 0
      ? [
          named(
            'container',
            bad.map(({ name }) => name),
          ),
        ]
      : []),
  ];
  const reason = 'runAsNonRoot != true';
  if (details.length > 0)
    return { reason, detail: `${details.join(' and ')} must not set securityContext.runAsNonRoot=false` };
  const unsaid = all.filter(({ securityContext }) => securityContext?.runAsNonRoot === undefined);
  if (ofPod === true || unsaid.length === 0) return undefined;
  return {
    reason,
    detail: `pod or ${named(
      'container',
      unsaid.map(({ name }) => name),
    )} must set securityContext.runAsNonRoot=true`,
  };
};

const runAsUser: PodCheck = (spec) => {
  const bad = containersOf(spec).filter(({ securityContext }) => securityContext?.runAsUser === 0);
  const details = [
    ...(spec.securityContext?.runAsUser === 0 ? ['pod'] : []),
    ...(bad.length > 0
      ? [
          named(
            'container',
            bad.map(({ name }) => name),
          ),
        ]
      : []),
  ];
  if (details.length === 0) return undefined;
  return { reason: 'runAsUser=0', detail: `${details.join(' and ')} must not set runAsUser=0` };
};

const seccomp: PodCheck = (spec, minor) => {
  const ofPod = spec.securityContext?.seccompProfile?.type;
  const isGood = (type: string | undefined) => type === 'RuntimeDefault' || type === 'Localhost';
  const reason = 'seccompProfile';
  const broken = baselineSeccomp(spec, minor);
  if (broken !== undefined) return { reason, detail: broken.detail };
  const unsaid = containersOf(spec).filter(
    ({ securityContext }) => !isGood(securityContext?.seccompProfile?.type),
  );
  if (isGood(ofPod) || unsaid.length === 0) return undefined;
  return {
    reason,
    detail: `pod or ${named(
      'container',
      unsaid.map(({ name }) => name),
    )} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
  };
};

export const restrictedChecks: readonly PodCheck[] = [
  ...baselineChecks.filter((check) => check !== baselineCapabilities && check !== baselineSeccomp),
  since(8, notOnWindows(allowPrivilegeEscalation)),
  since(22, notOnWindows(capabilities), baselineCapabilities),
  volumes,
  runAsNonRoot,
  since(23, runAsUser),
  since(19, notOnWindows(seccomp), baselineSeccomp),
];
