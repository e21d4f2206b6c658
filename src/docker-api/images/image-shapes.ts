import type { ImageDetails, ImageHistoryEntry } from '../../engine/index.ts';
import { NO_TIME, unixSeconds } from '../http/times.ts';
import { familiarName } from '../names.ts';

/** `repository@sha256:…`, familiar. */
function repoDigests(image: ImageDetails): string[] {
  return [...new Set(image.repoDigests.map(familiarName))];
}

/** `name:tag` only: a name by digest is among the digests. */
function repoTags(image: ImageDetails): string[] {
  return image.references.filter((one) => !one.includes('@')).map(familiarName);
}

/** One entry of `GET /images/json` (Engine API 1.44, ImageSummary). */
export function imageSummary(
  image: ImageDetails,
  options: { namesNone: boolean; hasVirtualSize: boolean },
): Record<string, unknown> {
  const [tags, digests] = [repoTags(image), repoDigests(image)];
  return {
    Id: image.id,
    ParentId: image.parentId ?? '',
    // Before API 1.43 an image without a name was called <none>.
    RepoTags: tags.length === 0 && options.namesNone ? ['<none>:<none>'] : tags,
    RepoDigests: digests.length === 0 && options.namesNone ? ['<none>@<none>'] : digests,
    Created: unixSeconds(image.createdAt),
    Size: image.sizeBytes,
    SharedSize: -1,
    ...(options.hasVirtualSize && { VirtualSize: image.sizeBytes }),
    Labels: image.config.Labels ?? null,
    Containers: image.users.length,
  };
}

/** `GET /images/{name}/json` (Engine API 1.44, ImageInspect). */
export function imageDetails(image: ImageDetails, hasVirtualSize: boolean): Record<string, unknown> {
  const { config } = image;
  return {
    Id: image.id,
    RepoTags: repoTags(image),
    RepoDigests: repoDigests(image),
    Parent: image.parentId ?? '',
    Comment: image.history.at(-1)?.comment ?? '',
    Created: image.createdAt || NO_TIME,
    Container: '',
    DockerVersion: '',
    Author: image.author ?? '',
    Config: {
      ...{ Hostname: '', Domainname: '', User: '', AttachStdin: false, AttachStdout: false },
      ...{ AttachStderr: false, Tty: false, OpenStdin: false, StdinOnce: false, Env: null, Cmd: null },
      ...{ Image: '', Volumes: null, WorkingDir: '', Entrypoint: null, OnBuild: null, Labels: null },
      ...config,
    },
    Architecture: image.architecture ?? '',
    ...(image.variant && { Variant: image.variant }),
    Os: image.os ?? 'linux',
    Size: image.sizeBytes,
    ...(hasVirtualSize && { VirtualSize: image.sizeBytes }),
    GraphDriver: { Name: 'overlay2', Data: {} },
    RootFS: { Type: 'layers', Layers: image.diffIds },
    Metadata: { LastTagTime: NO_TIME },
  };
}

/** `GET /images/{name}/history`, newest first. */
export function historyItem(entry: ImageHistoryEntry): Record<string, unknown> {
  return {
    Id: entry.id === '' ? '<missing>' : entry.id,
    Created: unixSeconds(entry.createdAt),
    CreatedBy: entry.createdBy,
    Tags: entry.tags.length === 0 ? null : entry.tags.map(familiarName),
    Size: entry.sizeBytes,
    Comment: entry.comment,
  };
}
