import { BadRequest } from '../../../base/index.ts';

/** The query of a log request: core/v1 PodLogOptions. */
export interface LogOptions {
  follow: boolean;
  previous: boolean;
  timestamps: boolean;
  tailLines?: number;
  limitBytes?: number;
  /** Milliseconds since the epoch: earlier records are left out. */
  sinceMs?: number;
  stream: 'All' | 'Stdout' | 'Stderr';
}

const STREAMS = ['All', 'Stdout', 'Stderr'] as const;

/** @throws BadRequest naming the parameter. */
export function parseLogOptions(query: URLSearchParams, nowMs: number): LogOptions {
  const tail = query.get('tailLines') ?? (query.get('tail') === 'all' ? null : query.get('tail'));
  const tailLines = integer('tailLines', tail, 0);
  const limitBytes = integer('limitBytes', query.get('limitBytes'), 1);
  const sinceSeconds = integer('sinceSeconds', query.get('sinceSeconds'), 1);
  const sinceTime = query.get('sinceTime');
  if (sinceSeconds !== undefined && sinceTime)
    throw new BadRequest('at most one of `sinceTime` or `sinceSeconds` may be specified');
  const sinceMs = sinceTime
    ? time('sinceTime', sinceTime)
    : sinceSeconds === undefined
      ? undefined
      : nowMs - sinceSeconds * 1000;
  const stream = query.get('stream') || 'All';
  if (!isStream(stream)) throw new BadRequest(`invalid stream type ${JSON.stringify(stream)}`);
  return {
    follow: boolean('follow', query.get('follow')),
    previous: boolean('previous', query.get('previous')),
    timestamps: boolean('timestamps', query.get('timestamps')),
    ...(tailLines !== undefined && { tailLines }),
    ...(limitBytes !== undefined && { limitBytes }),
    ...(sinceMs !== undefined && { sinceMs }),
    stream,
  };
}

function isStream(text: string): text is LogOptions['stream'] {
  return (STREAMS as readonly string[]).includes(text);
}

function integer(name: string, text: string | null, minimum: number): number | undefined {
  if (text === null || text === '') return undefined;
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value)) throw new BadRequest(`${name}: Invalid value: ${JSON.stringify(text)}`);
  if (value < minimum)
    throw new BadRequest(
      `${name}: Invalid value: ${value}: must be greater than ${minimum === 0 ? 'or equal to 0' : '0'}`,
    );
  return value;
}

/** As apimachinery's query conversion: absent is false; present is true unless it says `false` or `0`. */
function boolean(_name: string, text: string | null): boolean {
  return text !== null && !['false', '0'].includes(text.toLowerCase());
}

function time(name: string, text: string): number {
  const value = Date.parse(text);
  if (Number.isNaN(value)) throw new BadRequest(`${name}: Invalid value: ${JSON.stringify(text)}`);
  return value;
}
