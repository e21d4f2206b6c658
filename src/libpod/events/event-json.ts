import type { LibpodEvent } from '../libpod.ts';

/**
 * One line of the event file: Podman's own JSON (libpod/events, config.go), so that its tools read our file and
 * we read one of theirs.
 */
export function eventToJson(event: LibpodEvent): string {
  return JSON.stringify({
    ...(event.ContainerExitCode && { ContainerExitCode: event.ContainerExitCode }),
    ...(event.ID && { ID: event.ID }),
    ...(event.Image && { Image: event.Image }),
    ...(event.Name && { Name: event.Name }),
    ...(event.Network && { network: event.Network }),
    Status: event.Status,
    Time: event.Time,
    Type: event.Type,
    ...(event.HealthStatus && { health_status: event.HealthStatus }),
    ...(event.PodID && { PodID: event.PodID }),
    Attributes: event.Attributes ?? null,
  });
}

/** @returns undefined for a line that a crash has torn, or that is no event. */
export function eventFromJson(line: string): LibpodEvent | undefined {
  let raw: Record<string, unknown>;
  try {
    raw = JSON.parse(line) as Record<string, unknown>;
  } catch {
    // A torn line of a writer that was killed, or of a full disk: the events around it still count.
    return undefined;
  }
  if (raw === null || typeof raw !== 'object') return undefined;
  const text = (key: string): string => (typeof raw[key] === 'string' ? (raw[key] as string) : '');
  if (text('Type') === '' || text('Status') === '' || Number.isNaN(Date.parse(text('Time'))))
    return undefined;
  const attributes = raw.Attributes as Record<string, string> | null | undefined;
  return {
    Type: text('Type'),
    Status: text('Status'),
    ID: text('ID'),
    Name: text('Name'),
    Time: text('Time'),
    ...(text('Image') && { Image: text('Image') }),
    ...(text('network') && { Network: text('network') }),
    ...(attributes && { Attributes: attributes }),
    ...(typeof raw.ContainerExitCode === 'number' && { ContainerExitCode: raw.ContainerExitCode }),
    ...(text('PodID') && { PodID: text('PodID') }),
    ...(text('health_status') && { HealthStatus: text('health_status') }),
  };
}

/** `2026-01-02T03:04:05.123456789Z`: as fine as this process can tell the time. */
export function eventTime(nowMs: number): string {
  const microseconds = Math.round(nowMs * 1000);
  const fraction = String(microseconds % 1_000_000).padStart(6, '0');
  return `${new Date(Math.floor(microseconds / 1000)).toISOString().slice(0, 19)}.${fraction}000Z`;
}

/** Milliseconds since 1970, with the fraction that the text has. */
export function eventTimeMs(time: string): number {
  const match = /^(.*T\d{2}:\d{2}:\d{2})(\.\d+)?(.*)$/.exec(time);
  if (match === null) return Date.parse(time);
  return Date.parse(match[1]! + match[3]!) + Number(match[2] ?? 0) * 1000;
}
