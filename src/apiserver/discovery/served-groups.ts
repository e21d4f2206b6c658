import type { apidiscoveryv2 } from '../../kube/index.ts';
import type { RegisteredVersion } from '../aggregation/api-services.ts';
import { type Catalog, compareVersions } from '../registry/catalog.ts';
import { priorityOf } from './group-priorities.ts';

/** What extension API servers add to discovery. */
export interface RemoteDiscovery {
  registrations(): Iterable<RegisteredVersion>;
  /** What a version's server says it serves; undefined for one that is served here. */
  discoveryOf(version: RegisteredVersion): apidiscoveryv2.APIVersionDiscovery | undefined;
}

export interface ServedVersion {
  version: string;
  /** Set when an extension API server serves it. */
  remote: apidiscoveryv2.APIVersionDiscovery | undefined;
}

export interface ServedGroup {
  name: string;
  versions: readonly ServedVersion[];
}

type Ranked = ServedVersion & { group: number; priority: number };

/**
 * The groups and versions in the order clients shall prefer them, as their APIServices rank them; one that has none
 * (yet) is ranked as its APIService would be.
 * Source: k8s.io/kube-aggregator/pkg/apis/apiregistration/v1/helper SortedByGroupAndVersion.
 */
export function servedGroups(catalog: Catalog, remote: RemoteDiscovery): ServedGroup[] {
  const registered = new Map<string, RegisteredVersion>();
  for (const one of remote.registrations()) registered.set(`${one.group}/${one.version}`, one);
  const groups = new Map<string, Ranked[]>();
  const add = (group: string, version: string) => {
    const known = registered.get(`${group}/${version}`);
    const rank = priorityOf(group, version);
    const versions = groups.get(group) ?? [];
    groups.set(group, versions);
    versions.push({
      version,
      group: known?.groupPriority || rank.group,
      priority: known?.versionPriority || rank.version,
      remote: known && remote.discoveryOf(known),
    });
  };
  for (const [group, versions] of catalog.groups()) for (const version of versions) add(group, version);
  for (const one of registered.values()) {
    const isLocal = catalog.groups().get(one.group)?.includes(one.version) === true;
    if (!isLocal && remote.discoveryOf(one) !== undefined) add(one.group, one.version);
  }
  const highest = (versions: readonly Ranked[]) => Math.max(...versions.map(({ group }) => group));
  return [...groups]
    .map(([name, versions]) => ({ name, versions, rank: highest(versions) }))
    .sort((a, b) => b.rank - a.rank || (a.name < b.name ? -1 : 1))
    .map(({ name, versions }) => ({ name, versions: versions.sort(byPriority) }));
}

function byPriority(a: Ranked, b: Ranked): number {
  return b.priority - a.priority || compareVersions(a.version, b.version);
}
