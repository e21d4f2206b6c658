/**
 * A control plane in a process of its own, to be killed while it makes or deletes workspaces.
 *
 *     node workspaces-process.ts DIRECTORY make|delete
 *
 * Every workspace that was acknowledged is a line of standard output.
 */
import { writeSync } from 'node:fs';
import { WORKSPACES } from '../../src/client/index.ts';
import type { tenancyv1alpha1 } from '../../src/kube/index.ts';
import { bootControlPlane } from './control-plane-fixture.ts';

const [directory, verb] = process.argv.slice(2);
const { client } = await bootControlPlane({ directory: directory! });
const workspaces = client.resource<tenancyv1alpha1.Workspace>(WORKSPACES);
const names =
  verb === 'make'
    ? Array.from({ length: 200 }, (_, index) => `w-${index}`)
    : (await workspaces.list()).items.map(({ metadata }) => metadata.name);
const annotations = { 'experimental.tenancy.kcp.io/owner': '{"username":"eve"}' };
const work = async () => {
  for (let name = names.pop(); name !== undefined; name = names.pop()) {
    if (verb === 'delete') await workspaces.delete(name);
    else
      await workspaces.create({
        metadata: { name, annotations },
        spec: { type: { name: 'universal', path: 'root' } },
      });
    writeSync(1, `${name}\n`);
  }
};
await Promise.all(Array.from({ length: 8 }, work));
