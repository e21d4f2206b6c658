/**
 * engine: images, root file systems, containers, networks; knows containers, never Pods.
 *
 * Guarantees: a container outlives every process of ours (conmon holds it); several processes may hold an
 * engine over one directory at once; an image has its name only when all its bytes were verified; `reset`
 * leaves no mount, namespace, address, rule or cgroup behind. Does not guarantee: that container records
 * survive a power failure (no container does), or the exit code of a container whose conmon was killed.
 */

export { type BuilderOptions, openBuilder } from './build/builder.ts';
export { sweepBuilds } from './build/leftovers.ts';
export type * from './build/options.ts';
export { readDetachedExec, resizeDetachedExec } from './containers/detached-exec.ts';
export { readJson, readText, replaceFile } from './containers/records.ts';
export { insideOwner, outsideId } from './containers/user-namespace.ts';
export { lookUpUser } from './containers/users.ts';
export type * from './engine.ts';
export { applyChanges } from './images/config-changes.ts';
export { imageFilter, isDangling, isIntermediate, matchesReference } from './images/image-filters.ts';
export { changesOf } from './images/layer-changes.ts';
export { layerTar } from './images/layer-tar.ts';
export { familiarReference, normaliseReference, parseReference } from './images/reference.ts';
export { decompressed } from './images/rootfs-import.ts';
export { END_OF_TAR, encodeTarHeader, padding } from './images/tar-header.ts';
export { type LocalEngineOptions, openEngine, openImageLibrary } from './local-engine.ts';
export {
  type BridgeLink,
  type ContainerLink,
  configureLink,
  leaveLinks,
  makeBridge,
  plugLink,
  removeInside,
  removeLinks,
} from './networks/container-links.ts';
export { canonicalAddress, IpRange } from './networks/ip-range.ts';
export { type NamedNetwork, NameServer } from './networks/name-server.ts';
export { NetworkHost } from './networks/network-host.ts';
export { chooseHostPorts, releaseHostPorts, reserveHostPorts } from './networks/port-reservation.ts';
export { type RuledBridge, type RuledPort, UserNetworkTable } from './networks/user-network-table.ts';
export { engineRequirements, type MissingRequirement, requirePrograms } from './requirements.ts';
export { type RootlessFacts, rootlessFacts } from './rootless/facts.ts';
export { RootlessHostNetwork } from './rootless/host-network.ts';
export { ignoredLimits } from './rootless/oci-adaptation.ts';
export { cutOff, type OutsideRequest, type OutsideResult, RootlessOutside } from './rootless/outside.ts';
export { defaultWay } from './rootless/outside-programs.ts';
export { readSubordinateRanges } from './rootless/subordinate-ids.ts';
export { isHungUp } from './system/hang-ups.ts';
export { tryLockFile, withFileLock } from './system/lock.ts';
export { detachMount, mountsBelow, mountTmpfs } from './system/mounts.ts';
export { isProcessAlive, processIdentity } from './system/process-identity.ts';
export { RootFolder, removeHeld } from './system/root-folder.ts';
export { resolveInRoot } from './system/root-path.ts';
export { makeTerminalRaw, resizeTerminal } from './system/terminals.ts';
