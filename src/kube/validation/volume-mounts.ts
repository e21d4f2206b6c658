import { append, type FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { forbidden, invalid, notFound, notSupported, required } from './field-errors.ts';
import { validateLocalDescendingPath } from './paths.ts';

type Volumes = ReadonlyMap<string, corev1.Volume>;

const PROPAGATIONS = ['Bidirectional', 'HostToContainer', 'None'];

export function validateVolumeMounts(
  container: corev1.Container,
  volumes: Volumes,
  field: string,
): FieldError[] {
  const paths = new Set<string>();
  const devices = container.volumeDevices ?? [];
  return (container.volumeMounts ?? []).flatMap((mount, index) => {
    const at = `${field}[${index}]`;
    const { name, mountPath } = mount;
    const errors = name ? [] : [required(`${at}.name`)];
    if (!volumes.has(name)) errors.push(notFound(`${at}.name`, name ?? ''));
    if (!mountPath) errors.push(required(`${at}.mountPath`));
    if (paths.has(mountPath)) errors.push(invalid(`${at}.mountPath`, mountPath, 'must be unique'));
    paths.add(mountPath);
    if (devices.some((device) => device.name === name)) {
      errors.push(invalid(`${at}.name`, name, 'must not already exist in volumeDevices'));
    }
    if (devices.some((device) => device.devicePath === mountPath)) {
      const why = 'must not already exist as a path in volumeDevices';
      errors.push(invalid(`${at}.mountPath`, mountPath, why));
    }
    return [...errors, ...validateMountOptions(mount, container, field, at)];
  });
}

/** Upstream names the list, not the mount, for most of these. */
function validateMountOptions(
  mount: corev1.VolumeMount,
  container: corev1.Container,
  field: string,
  at: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (mount.subPath) append(errors, validateLocalDescendingPath(mount.subPath, `${field}.subPath`));
  if (mount.subPathExpr) {
    if (mount.subPath) {
      const why = 'subPathExpr and subPath are mutually exclusive';
      errors.push(invalid(`${at}.subPathExpr`, mount.subPathExpr, why));
    }
    append(errors, validateLocalDescendingPath(mount.subPathExpr, `${field}.subPathExpr`));
  }
  const propagation = mount.mountPropagation;
  if (propagation !== undefined) {
    const path = `${field}.mountPropagation`;
    if (!PROPAGATIONS.includes(propagation)) errors.push(notSupported(path, propagation, PROPAGATIONS));
    if (propagation === 'Bidirectional' && container.securityContext?.privileged !== true) {
      const why = 'Bidirectional mount propagation is available only to privileged containers';
      errors.push(forbidden(path, why));
    }
  }
  return [...errors, ...validateRecursiveReadOnly(mount, `${field}.recursiveReadOnly`)];
}

function validateRecursiveReadOnly(mount: corev1.VolumeMount, field: string): FieldError[] {
  const mode = mount.recursiveReadOnly;
  if (mode === undefined || mode === 'Disabled') return [];
  if (mode !== 'Enabled' && mode !== 'IfPossible') {
    return [notSupported(field, mode, ['Disabled', 'Enabled', 'IfPossible'])];
  }
  const errors: FieldError[] = [];
  if (mount.readOnly !== true) {
    errors.push(forbidden(field, 'may only be specified when readOnly is true'));
  }
  if (mount.mountPropagation !== undefined && mount.mountPropagation !== 'None') {
    const why = 'may only be specified when mountPropagation is None or not specified';
    errors.push(forbidden(field, why));
  }
  return errors;
}

export function validateVolumeDevices(
  container: corev1.Container,
  volumes: Volumes,
  field: string,
): FieldError[] {
  const seen = new Set<string>();
  const mounts = container.volumeMounts ?? [];
  return (container.volumeDevices ?? []).flatMap(({ name, devicePath }, index) => {
    const at = `${field}[${index}]`;
    const volume = volumes.get(name);
    const errors = name ? [] : [required(`${at}.name`)];
    if (seen.has(`name ${name}`)) errors.push(invalid(`${at}.name`, name, 'must be unique'));
    if (volume === undefined) errors.push(notFound(`${at}.name`, name ?? ''));
    else if (volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined) {
      const why = 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode';
      errors.push(invalid(`${at}.name`, name, why));
    }
    if (!devicePath) errors.push(required(`${at}.devicePath`));
    if (seen.has(`path ${devicePath}`))
      errors.push(invalid(`${at}.devicePath`, devicePath, 'must be unique'));
    if (devicePath?.split('/').includes('..')) {
      errors.push(invalid(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')"));
    }
    if (mounts.some((mount) => mount.name === name)) {
      errors.push(invalid(`${at}.name`, name, 'must not already exist in volumeMounts'));
    }
    seen.add(`name ${name}`).add(`path ${devicePath}`);
    return errors;
  });
}
