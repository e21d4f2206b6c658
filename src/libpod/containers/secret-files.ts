import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BadRequest } from '../../base/index.ts';
import type { ContainerMount } from '../../engine/index.ts';
import type { ContainerParts } from './parts.ts';
import type { Container } from './stored-container.ts';
import { outsideIds } from './user-namespaces.ts';

/** Secrets as files of their own, bound into the container, or as variables; as they are at this start. */
export async function secretsOf(
  container: Container,
  folder: string,
  secrets: ContainerParts['secrets'],
): Promise<{ secretMounts: ContainerMount[]; secretEnv: string[] }> {
  const secretMounts: ContainerMount[] = [];
  const secretEnv: string[] = [];
  for (const asked of container.stored.options.Podman?.Secrets ?? []) {
    if (secrets === undefined) throw new BadRequest(`the secret ${asked.Source} is not supported`);
    const data = await secrets.read(asked.Source);
    if (asked.Type === 'env') {
      secretEnv.push(`${asked.Target || asked.Source}=${data.toString()}`);
      continue;
    }
    const target = asked.Target || asked.Source;
    const source = join(folder, 'secrets', (await secrets.inspect(asked.Source)).ID);
    await mkdir(join(folder, 'secrets'), { recursive: true, mode: 0o700 });
    await writeFile(source, data, { mode: 0o400 });
    const { uid, gid } = outsideIds(container.stored.idMappings, {
      uid: asked.Uid ?? 0,
      gid: asked.Gid ?? 0,
    });
    await chown(source, uid, gid);
    await chmod(source, asked.Mode ?? 0o444);
    secretMounts.push({
      ...{ type: 'bind', source, options: ['bind', 'rprivate', 'ro', 'nosuid', 'nodev', 'noexec'] },
      destination: target.startsWith('/') ? target : `/run/secrets/${target}`,
    });
  }
  return { secretMounts, secretEnv };
}
