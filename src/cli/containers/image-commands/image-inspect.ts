import type { ImageDetails } from '../../../engine/index.ts';
import { goStruct, NIL_MAP } from '../../templates/values.ts';

/** What `podman inspect` says of an image, in the order of Podman's JSON; `.ID` is what templates also say. */
export function podmanImage(image: ImageDetails, layersFolder: string): object {
  const id = image.id.replace('sha256:', '');
  const folders = image.diffIds
    .map((diffId) => `${layersFolder}/${diffId.replace('sha256:', '').slice(0, 24)}`)
    .reverse();
  const isDocker = image.mediaType.includes('docker');
  const { Healthcheck, ...config } = image.config;
  return goStruct('*inspect.ImageData', {
    Id: id,
    ID: () => id,
    Digest: image.digest,
    RepoTags: image.references.filter((name) => !name.includes('@')),
    RepoDigests: image.repoDigests,
    Parent: image.parentId?.replace('sha256:', '') ?? '',
    Comment: image.history.at(-1)?.comment ?? '',
    Created: image.createdAt,
    Config: goStruct('*v1.ImageConfig', config),
    Version: '',
    Author: image.author ?? '',
    Architecture: image.architecture ?? '',
    Os: image.os ?? '',
    Size: image.sizeBytes,
    VirtualSize: image.sizeBytes,
    GraphDriver: goStruct('*define.DriverData', {
      Name: 'overlay',
      Data: {
        ...(folders.length > 1 && { LowerDir: folders.slice(1).join(':') }),
        ...(folders.length > 0 && { UpperDir: folders[0] }),
      },
    }),
    RootFS: goStruct('*inspect.RootFS', { Type: 'layers', Layers: image.diffIds }),
    Labels: image.config.Labels ?? NIL_MAP,
    Annotations: image.annotations,
    ManifestType: image.mediaType,
    User: image.config.User ?? '',
    History: image.history.map((entry) => goStruct('v1.History', entry)),
    NamesHistory: image.namesHistory,
    ...(isDocker && Healthcheck && { Healthcheck: goStruct('*manifest.Schema2HealthConfig', Healthcheck) }),
    HealthCheck: () => Healthcheck ?? null,
  });
}
