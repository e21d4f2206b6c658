import { silentLog } from '../base/index.ts';
import { openEngine } from '../engine/index.ts';
import { removePodFolders, removeServiceRules } from '../node/index.ts';
import type { DataDirectory } from './data-directory.ts';
import { instanceOf, nodeSubnet } from './data-root.ts';

/**
 * Ends all containers of this data directory and takes away what they had on the host: networks, mounts,
 * cgroups, service rules. Images and the store stay. Works without any role running.
 */
export async function removeEverything(directory: DataDirectory): Promise<{ containers: number }> {
  const instance = instanceOf(directory.root);
  const engine = await openEngine({
    directory: directory.engine,
    instance,
    subnet: nodeSubnet('10.42.0.0/16'),
    log: silentLog,
  });
  const { containers } = await engine.holdings();
  // An ordinary user has no containers, networks or service rules, and may not look.
  if (process.getuid!() !== 0 && containers.length === 0) return { containers: 0 };
  await removeServiceRules({ instance, bridge: `orr${instance}` });
  await engine.reset();
  await removePodFolders(directory.node);
  return { containers: containers.length };
}
