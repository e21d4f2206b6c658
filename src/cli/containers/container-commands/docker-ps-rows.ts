import { humanDuration } from '../../../base/index.ts';
import { familiarReference } from '../../../engine/index.ts';
import type { ContainerInspect, ContainerListEntry } from '../../../libpod/index.ts';
import { dockerStatus, statusText } from '../../../libpod/index.ts';
import { humanSize } from '../../templates/human-units.ts';
import { goStruct } from '../../templates/values.ts';
import { portsText } from './ps-rows.ts';

export interface DockerPsOptions {
  noTrunc: boolean;
  now: number;
}

/** Headers of docker/cli's formatter/container.go. */
export const DOCKER_PS_HEADERS: Record<string, string> = {
  ...{ Command: 'COMMAND', CreatedAt: 'CREATED AT', ID: 'CONTAINER ID', Image: 'IMAGE', Labels: 'LABELS' },
  ...{ LocalVolumes: 'LOCAL VOLUMES', Mounts: 'MOUNTS', Names: 'NAMES', Networks: 'NETWORKS' },
  ...{ Ports: 'PORTS', RunningFor: 'CREATED', Size: 'SIZE', State: 'STATE', Status: 'STATUS' },
};

const COMMAND_LENGTH = 20;
const MOUNT_LENGTH = 15;

/** What a template of `docker ps --format` sees; every field is text, in the order of its JSON. */
export function dockerPsRow(
  container: ContainerListEntry,
  mounts: ContainerInspect['mountPoints'],
  { noTrunc, now }: DockerPsOptions,
): object {
  const shortened = (text: string, length: number) =>
    noTrunc || text.length <= length ? text : `${text.slice(0, length - 1)}…`;
  const { size, labels } = container;
  return goStruct('formatter.ContainerContext', {
    Command: JSON.stringify(shortened(container.command.join(' '), COMMAND_LENGTH)),
    CreatedAt: `${new Date(container.createdAt).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`,
    ID: noTrunc ? container.id : container.id.slice(0, 12),
    Image: familiar(container.image),
    Labels: Object.keys(labels)
      .sort()
      .map((key) => `${key}=${labels[key]}`)
      .join(','),
    LocalVolumes: String(
      mounts.filter(({ type, driver }) => type === 'volume' && (driver ?? 'local') === 'local').length,
    ),
    Mounts: mounts.map(({ name, source }) => shortened(name ?? source, MOUNT_LENGTH)).join(','),
    Names: container.name,
    Networks: container.networks.map(({ name }) => (name === 'podman' ? 'bridge' : name)).join(','),
    Ports: portsText(container.ports),
    RunningFor: `${humanDuration(now - Date.parse(container.createdAt))} ago`,
    Size:
      size === undefined ? '0B' : `${humanSize(size.rwBytes, 3)} (virtual ${humanSize(size.rootFsBytes, 3)})`,
    State: dockerStatus(container.status),
    Status: statusText(container, now),
    Label: (key: string) => labels[key] ?? '',
  });
}

function familiar(image: string): string {
  // Of one whose name is gone the id is left.
  return /^(?:sha256:)?[0-9a-f]{64}$/.test(image) || image === '' ? image : familiarReference(image);
}
