import type { ImageSummary } from '../../engine/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { apiTime } from '../pods/api-time.ts';
import type { HostFacts } from './host-facts.ts';

export interface NodeIdentity {
  name: string;
  ip: string;
  version: string;
}

export interface NodeStatusFacts {
  identity: NodeIdentity;
  host: HostFacts;
  images: readonly ImageSummary[];
  /** Port of the node's own server. */
  serverPort: number;
  /** Why containers cannot run here now; undefined when they can. */
  problem?: string;
  /** Conditions as last shown: unchanged ones keep their transition time. */
  before?: readonly corev1.NodeCondition[];
  nowMs: number;
}

export const mostPods = 110;
const mebibyte = 1024 ** 2;
/** The kubelet's default hard eviction thresholds; what they hold back is not allocatable. */
const memoryReserveBytes = 100 * mebibyte;
const storageReserveShare = 0.1;
const inodesReserveShare = 0.05;
const mostImages = 50;

export function nodeLabels({ name }: NodeIdentity, host: HostFacts): Record<string, string> {
  return {
    'beta.kubernetes.io/arch': host.architecture,
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': host.architecture,
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
  };
}

export function nodeCapacity(host: HostFacts): Record<string, string> {
  return {
    cpu: String(host.cpus),
    'ephemeral-storage': `${Math.floor(host.storageBytes / 1024)}Ki`,
    'hugepages-1Gi': '0',
    'hugepages-2Mi': '0',
    memory: `${Math.floor(host.memoryBytes / 1024)}Ki`,
    pods: String(mostPods),
  };
}

export function nodeAllocatable(host: HostFacts): Record<string, string> {
  return {
    ...nodeCapacity(host),
    'ephemeral-storage': String(Math.floor(host.storageBytes * (1 - storageReserveShare))),
    memory: `${Math.max(0, Math.floor((host.memoryBytes - memoryReserveBytes) / 1024))}Ki`,
  };
}

/** The node's status from what is (pure), with the kubelet's reasons and sentences (pkg/kubelet/nodestatus). */
export function nodeStatus(facts: NodeStatusFacts): corev1.NodeStatus {
  const { identity, host, images } = facts;
  return {
    addresses: [
      { type: 'InternalIP', address: identity.ip },
      { type: 'Hostname', address: identity.name },
    ],
    capacity: nodeCapacity(host),
    allocatable: nodeAllocatable(host),
    conditions: conditions(facts),
    daemonEndpoints: { kubeletEndpoint: { Port: facts.serverPort } },
    nodeInfo: {
      machineID: host.machineId,
      systemUUID: host.systemUuid,
      bootID: host.bootId,
      kernelVersion: host.kernelVersion,
      osImage: host.osImage,
      containerRuntimeVersion: `orrery://${identity.version}`,
      kubeletVersion: `v1.36.0+orrery-${identity.version}`,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: host.architecture,
      swap: { capacity: host.swapBytes },
    },
    images: [...images]
      .sort((a, b) => b.sizeBytes - a.sizeBytes)
      .slice(0, mostImages)
      .map((image) => ({ names: namesOf(image), sizeBytes: image.sizeBytes })),
  };
}

/** As the kubelet lists them: each name by its digest, then by its tag. */
function namesOf({ references, digest }: ImageSummary): string[] {
  const repositories = references.map((reference) => reference.replace(/(@.*|:[^:/]*)$/, ''));
  return [...new Set([...repositories.map((repository) => `${repository}@${digest}`), ...references])];
}

function conditions({ host, problem, before, nowMs }: NodeStatusFacts): corev1.NodeCondition[] {
  const lowMemory = host.memoryAvailableBytes < memoryReserveBytes;
  const lowStorage =
    host.storageAvailableBytes < host.storageBytes * storageReserveShare ||
    host.inodesFreeShare < inodesReserveShare;
  const lowPids = host.pids > host.maxPids * 0.95;
  const verdicts = [
    pressure('MemoryPressure', lowMemory, [
      'KubeletHasInsufficientMemory',
      'kubelet has insufficient memory available',
      'KubeletHasSufficientMemory',
      'kubelet has sufficient memory available',
    ]),
    pressure('DiskPressure', lowStorage, [
      'KubeletHasDiskPressure',
      'kubelet has disk pressure',
      'KubeletHasNoDiskPressure',
      'kubelet has no disk pressure',
    ]),
    pressure('PIDPressure', lowPids, [
      'KubeletHasInsufficientPID',
      'kubelet has insufficient PID available',
      'KubeletHasSufficientPID',
      'kubelet has sufficient PID available',
    ]),
    problem === undefined
      ? { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
      : { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: problem },
  ];
  return verdicts.map((verdict) => {
    const old = before?.find(({ type }) => type === verdict.type);
    const unchanged = old?.status === verdict.status;
    return {
      ...verdict,
      lastHeartbeatTime: apiTime(nowMs),
      lastTransitionTime: (unchanged && old?.lastTransitionTime) || apiTime(nowMs),
    };
  });
}

function pressure(type: string, isHigh: boolean, words: [string, string, string, string]) {
  const [highReason, highMessage, lowReason, lowMessage] = words;
  return isHigh
    ? { type, status: 'True', reason: highReason, message: highMessage }
    : { type, status: 'False', reason: lowReason, message: lowMessage };
}

/** Reasons of the events that tell of a changed condition: `Node x status is now: NodeReady`. */
export function conditionEvent({ type, status }: corev1.NodeCondition): string | undefined {
  const reasons: Record<string, string> = {
    'MemoryPressure:True': 'NodeHasInsufficientMemory',
    'MemoryPressure:False': 'NodeHasSufficientMemory',
    'DiskPressure:True': 'NodeHasDiskPressure',
    'DiskPressure:False': 'NodeHasNoDiskPressure',
    'PIDPressure:True': 'NodeHasInsufficientPID',
    'PIDPressure:False': 'NodeHasSufficientPID',
    'Ready:True': 'NodeReady',
    'Ready:False': 'NodeNotReady',
  };
  return reasons[`${type}:${status}`];
}
