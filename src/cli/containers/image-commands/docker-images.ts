import { humanDuration } from '../../../base/index.ts';
import { familiarReference, type ImageDetails } from '../../../engine/index.ts';
import type { FlagValues } from '../../grammar/index.ts';
import { goJson } from '../../templates/go-json.ts';
import { humanSize } from '../../templates/human-units.ts';
import { asksForJson, renderReport } from '../../templates/report.ts';
import { DOCKER_TABS } from '../../templates/tab-writer.ts';
import { goStruct } from '../../templates/values.ts';

/** Headers of docker/cli's formatter/image.go. */
const HEADERS: Record<string, string> = {
  ...{ Repository: 'REPOSITORY', Tag: 'TAG', Digest: 'DIGEST', ID: 'IMAGE ID', CreatedSince: 'CREATED' },
  ...{ CreatedAt: 'CREATED AT', Size: 'SIZE', Containers: 'CONTAINERS', VirtualSize: 'SIZE' },
  ...{ SharedSize: 'SHARED SIZE', UniqueSize: 'UNIQUE SIZE' },
};

interface NamedImage {
  image: ImageDetails;
  repository: string;
  tag: string;
}

/** `docker images`: the familiar names, JSON one to a line. */
export function renderAsDocker(images: readonly NamedImage[], flags: FlagValues, name: string): string {
  const given = flags.string('format');
  const rows = images.map((one) =>
    row(one, { isWhole: flags.bool('no-trunc'), hasDigest: flags.bool('digests') }),
  );
  if (flags.bool('quiet') && given === undefined) return rows.map(({ ID }) => `${ID}\n`).join('');
  if (given !== undefined && asksForJson(given))
    return rows.map((one) => `${goJson(one, { escapesHtml: true })}\n`).join('');
  const format = given === 'table' ? undefined : given;
  const names = [
    'Repository',
    'Tag',
    ...(flags.bool('digests') ? ['Digest'] : []),
    'ID',
    'CreatedSince',
    'Size',
  ];
  return renderReport({
    name,
    rows,
    ...(format !== undefined && { format }),
    columns: names.map((one) => `{{.${one}}}`).join('\t'),
    headers: HEADERS,
    tabs: DOCKER_TABS,
  });
}

function row(
  { image, repository, tag }: NamedImage,
  { isWhole, hasDigest }: { isWhole: boolean; hasDigest: boolean },
) {
  const { createdAt, sizeBytes } = image;
  return goStruct('formatter.imageContext', {
    Containers: String(image.users.length),
    CreatedAt: `${new Date(createdAt).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`,
    CreatedSince: `${humanDuration(Date.now() - Date.parse(createdAt))} ago`,
    Digest: hasDigest ? image.digest : '<none>',
    ID: isWhole ? image.id : image.id.replace('sha256:', '').slice(0, 12),
    Repository: repository === '<none>' ? repository : familiarReference(repository).replace(/:latest$/, ''),
    SharedSize: 'N/A',
    Size: humanSize(sizeBytes, 3),
    Tag: tag,
    UniqueSize: 'N/A',
    VirtualSize: humanSize(sizeBytes),
  });
}
