import { BadRequest } from '../../base/index.ts';
import type { ImageConfig, NewImage } from '../engine.ts';
import {
  CONFIG,
  type ConfigBlob,
  type Descriptor,
  DOCKER_CONFIG,
  DOCKER_LAYER_TAR,
  DOCKER_MANIFEST,
  LAYER_TAR,
  MANIFEST,
  type Manifest,
} from './media-types.ts';

/** The config blob of an image that was put together here (OCI image-spec v1.1, config.md). */
export function configOfNewImage(image: NewImage): ConfigBlob {
  const layersInHistory = image.history.filter((entry) => entry.empty_layer !== true).length;
  if (image.history.length > 0 && layersInHistory !== image.layers.length)
    throw new BadRequest(
      `the image's history tells of ${layersInHistory} layers, the image has ${image.layers.length}`,
    );
  return {
    created: image.createdAt,
    ...(image.author && { author: image.author }),
    architecture: image.architecture,
    os: image.os,
    ...(image.variant && { variant: image.variant }),
    config: image.format === 'docker' ? image.config : withoutDockerFields(image.config),
    rootfs: { type: 'layers', diff_ids: image.layers.map((layer) => layer.diffId) },
    history: image.history,
  };
}

/** OCI's configuration has no place for these; Docker's and Podman's own OCI images lose them too. */
function withoutDockerFields(config: ImageConfig): ImageConfig {
  const { Healthcheck: _h, Shell: _s, OnBuild: _o, ArgsEscaped: _a, ...rest } = config;
  return rest;
}

/** The manifest for a config and layers in the format that was asked for. */
export function manifestOfNewImage(
  image: NewImage,
  config: { digest: string; size: number },
): Manifest & { mediaType: string } {
  const isDocker = image.format === 'docker';
  return {
    schemaVersion: 2,
    mediaType: isDocker ? DOCKER_MANIFEST : MANIFEST,
    config: { mediaType: isDocker ? DOCKER_CONFIG : CONFIG, digest: config.digest, size: config.size },
    layers: image.layers.map(
      (layer): Descriptor => ({
        mediaType: layerTypeFor(layer.mediaType, isDocker),
        digest: layer.digest,
        size: layer.sizeBytes,
      }),
    ),
    ...(!isDocker && image.annotations && { annotations: image.annotations }),
  };
}

/** The same bytes under the other format's name. @throws BadRequest where the other format has none. */
export function layerTypeFor(mediaType: string, isDocker: boolean): string {
  const [, compression] = /tar(?:[.+](gzip|zstd))?$/.exec(mediaType) ?? [];
  if (!isDocker) return compression === undefined ? LAYER_TAR : `${LAYER_TAR}+${compression}`;
  if (compression === 'zstd')
    throw new BadRequest('the docker format has no layers compressed with zstd', {
      hint: 'use the oci format',
    });
  return compression === undefined ? DOCKER_LAYER_TAR : `${DOCKER_LAYER_TAR}.${compression}`;
}
