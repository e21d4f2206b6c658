import { dockerAction, type Filters, type LibpodEvent } from '../../libpod/index.ts';
import { dockerNetworkName } from '../containers/network-shape.ts';
import { hasLabels } from '../http/filters.ts';
import { unixNanoseconds, unixSeconds } from '../http/times.ts';
import { familiarName } from '../names.ts';

/** Docker's EventMessage (Engine API 1.44), with `timeNano` apart: it is past what a JavaScript number holds. */
export interface DockerEvent {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  scope: 'local';
  time: number;
  timeNano: bigint;
}

/** Podman's words that Docker has none for: what happens inside another action. */
const SILENT = new Set(['init', 'cleanup', 'sync', 'syncs', 'mounted', 'unmounted', 'health_status_monitor']);

const TYPES = ['container', 'image', 'network', 'volume', 'builder', 'daemon'];

/** @returns undefined for what Docker does not tell of */
export function dockerEvent(event: LibpodEvent): DockerEvent | undefined {
  if (!TYPES.includes(event.Type) || SILENT.has(event.Status)) return undefined;
  const attributes: Record<string, string> = { ...event.Attributes };
  const isImage = event.Type === 'image';
  if (event.Image && event.Type === 'container') attributes.image = familiarName(event.Image);
  // A volume is its name.
  if (event.Type === 'volume') attributes.driver = 'local';
  else if (event.Name) attributes.name = isImage ? familiarName(event.Name) : event.Name;
  if (event.Type === 'network') {
    attributes.name = dockerNetworkName(event.Network ?? event.Name);
    attributes.type = 'bridge';
    if (event.Status === 'connect' || event.Status === 'disconnect') attributes.container ??= event.ID;
  }
  if (['died', 'exec_died'].includes(event.Status))
    attributes.exitCode = String(event.ContainerExitCode ?? 0);
  return {
    Type: event.Type,
    Action: event.Status === 'exec_died' ? 'exec_die' : dockerAction(event),
    // Docker's pull is an event of the name.
    Actor: { ID: actorId(event), Attributes: attributes },
    scope: 'local',
    time: unixSeconds(event.Time),
    timeNano: unixNanoseconds(event.Time),
  };
}

function actorId({ Type, ID, Name }: LibpodEvent): string {
  if (Type === 'volume') return Name;
  if (Type !== 'image') return ID;
  if (ID === '') return familiarName(Name);
  return ID.startsWith('sha256:') ? ID : `sha256:${ID}`;
}

/** One line of the stream. `status`, `id` and `from` are what clients before API 1.22 read. */
export function eventLine(event: DockerEvent): string {
  const { timeNano, ...rest } = event;
  const hasOld = event.Type === 'container' || event.Type === 'image';
  const { image } = event.Actor.Attributes;
  const told = {
    ...(hasOld && { status: event.Action, id: event.Actor.ID }),
    ...(event.Type === 'container' && image !== undefined && { from: image }),
    ...rest,
  };
  return `${JSON.stringify(told).slice(0, -1)},"timeNano":${timeNano}}\n`;
}

export const EVENT_FILTERS = [
  ...['config', 'container', 'daemon', 'event', 'image', 'label', 'network', 'node', 'plugin', 'scope'],
  ...['secret', 'service', 'type', 'volume'],
];

/** Any of the values of one key, all of the keys; of labels all. */
export function eventPasses(event: DockerEvent, filters: Filters): boolean {
  const { ID, Attributes } = event.Actor;
  const isNamed = (type: string, values: string[]): boolean =>
    event.Type === type && values.some((one) => ID === one || ID.startsWith(one) || Attributes.name === one);
  return Object.entries(filters).every(([key, values]) => {
    switch (key) {
      case 'type':
        return values.includes(event.Type);
      case 'event':
        return values.some((one) => event.Action === one || event.Action.startsWith(`${one}:`));
      case 'scope':
        return values.includes('local');
      case 'label':
        return hasLabels(Attributes, values);
      case 'image':
        return isOfImage(event, values);
      case 'network':
      case 'volume':
      case 'container':
        return isNamed(key, values) || (key === 'container' && values.includes(Attributes.container ?? ''));
      default:
        // Of swarm, plugins and the daemon there are no events.
        return false;
    }
  });
}

function isOfImage(event: DockerEvent, values: string[]): boolean {
  const names =
    event.Type === 'image'
      ? [event.Actor.ID, event.Actor.Attributes.name ?? '']
      : [event.Actor.Attributes.image ?? ''];
  return names.some((name) => values.some((one) => name === one || name.replace(/:[^:/]*$/, '') === one));
}
