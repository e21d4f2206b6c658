import type { LibpodEvent } from '../libpod.ts';
import { eventTimeMs } from './event-json.ts';

/** A line for people, as `podman events` prints it. */
export function eventToText(event: LibpodEvent, options: { truncate?: boolean } = {}): string {
  const id = options.truncate ? event.ID.slice(0, 12) : event.ID;
  const head = `${goTime(event.Time)} ${event.Type} ${event.Status}`;
  switch (event.Type) {
    case 'container':
    case 'pod':
      return `${head} ${id} (${containerFacts(event).join(', ')})`;
    case 'network':
      return `${head} ${id} (container=${id}, name=${event.Network ?? event.Name})`;
    case 'image':
      return `${head} ${id} ${event.Name}`;
    default:
      return event.Name === '' ? head : `${head} ${event.Name}`;
  }
}

function containerFacts(event: LibpodEvent): string[] {
  return [
    `image=${event.Image ?? ''}`,
    `name=${event.Name}`,
    ...(event.PodID ? [`pod_id=${event.PodID}`] : []),
    ...(event.HealthStatus ? [`health_status=${event.HealthStatus}`] : []),
    ...Object.entries(event.Attributes ?? {}).map(([key, value]) => `${key}=${value}`),
  ];
}

/** Go's Time.String() in the zone of this host: `2006-01-02 15:04:05.999999999 -0700 MST`. */
export function goTime(time: string): string {
  const date = new Date(Math.floor(eventTimeMs(time)));
  const offset = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + offset * 60_000).toISOString();
  const fraction = (/\.(\d+)/.exec(time)?.[1] ?? '').replace(/0+$/, '');
  const sign = offset < 0 ? '-' : '+';
  const hours = String(Math.floor(Math.abs(offset) / 60)).padStart(2, '0');
  const minutes = String(Math.abs(offset) % 60).padStart(2, '0');
  const zone = `${sign}${hours}${minutes} ${zoneName(date, `${sign}${hours}`)}`;
  return `${local.slice(0, 10)} ${local.slice(11, 19)}${fraction && `.${fraction}`} ${zone}`;
}

function zoneName(date: Date, fallback: string): string {
  const parts = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' }).formatToParts(date);
  const name = parts.find((part) => part.type === 'timeZoneName')?.value ?? fallback;
  return name.startsWith('GMT') ? fallback : name;
}
