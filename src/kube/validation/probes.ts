import { append, type FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { forbidden, invalid, invalidEach, notSupported, required } from './field-errors.ts';
import { httpHeaderName, portName, portNumber } from './formats.ts';
import { validateNonNegative } from './object-meta.ts';

interface Handlers extends corev1.ProbeHandler {
  sleep?: corev1.SleepAction;
}

export type ProbeKind = 'livenessProbe' | 'readinessProbe' | 'startupProbe';

export function validateProbe(kind: ProbeKind, probe: corev1.Probe | undefined, field: string): FieldError[] {
  if (probe === undefined) return [];
  const { exec, httpGet, tcpSocket, grpc } = probe;
  const errors = validateHandlers({ exec, httpGet, tcpSocket, grpc } as Handlers, undefined, field);
  for (const name of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const) {
    append(errors, validateNonNegative(probe[name], `${field}.${name}`));
  }
  const grace = probe.terminationGracePeriodSeconds;
  const graceField = `${field}.terminationGracePeriodSeconds`;
  if (grace !== undefined && grace <= 0) errors.push(invalid(graceField, grace, 'must be greater than 0'));
  if (kind === 'readinessProbe') {
    if (grace !== undefined) errors.push(invalid(graceField, grace, 'must not be set for readinessProbes'));
  } else if (probe.successThreshold !== 1) {
    errors.push(invalid(`${field}.successThreshold`, probe.successThreshold ?? 0, 'must be 1'));
  }
  return errors;
}

export function validateLifecycle(
  lifecycle: corev1.Lifecycle | undefined,
  gracePeriodSeconds: number | undefined,
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const hook of ['postStart', 'preStop'] as const) {
    const handler = lifecycle?.[hook];
    if (handler !== undefined) {
      append(errors, validateHandlers(handler, gracePeriodSeconds, `${field}.${hook}`));
    }
  }
  return errors;
}

const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const;

function validateHandlers(
  handlers: Handlers,
  gracePeriodSeconds: number | undefined,
  field: string,
): FieldError[] {
  const given = HANDLERS.filter((name) => handlers[name] !== undefined);
  const [first, ...more] = given;
  if (first === undefined) return [required(field, 'must specify a handler type')];
  return [
    ...validateHandler(first, handlers, gracePeriodSeconds, `${field}.${first}`),
    ...more.map((name) => forbidden(`${field}.${name}`, 'may not specify more than 1 handler type')),
  ];
}

function validateHandler(
  name: (typeof HANDLERS)[number],
  handlers: Handlers,
  gracePeriodSeconds: number | undefined,
  field: string,
): FieldError[] {
  switch (name) {
    case 'exec':
      return (handlers.exec?.command ?? []).length === 0 ? [required(`${field}.command`)] : [];
    case 'httpGet':
      return validateHttpGet(handlers.httpGet!, field);
    case 'tcpSocket':
      return validatePort(handlers.tcpSocket!.port, `${field}.port`);
    case 'grpc':
      return validatePort(handlers.grpc!.port, `${field}.port`);
    case 'sleep':
      return validateSleep(handlers.sleep!.seconds, gracePeriodSeconds ?? 0, field);
  }
}

const SCHEMES = ['HTTP', 'HTTPS'];

function validateHttpGet(action: corev1.HTTPGetAction, field: string): FieldError[] {
  const errors = action.path ? [] : [required(`${field}.path`)];
  append(errors, validatePort(action.port, `${field}.port`));
  if (!SCHEMES.includes(action.scheme ?? '')) {
    errors.push(notSupported(`${field}.scheme`, action.scheme ?? '', SCHEMES));
  }
  for (const { name } of action.httpHeaders ?? []) {
    append(errors, invalidEach(`${field}.httpHeaders`, name ?? '', httpHeaderName(name ?? '')));
  }
  return errors;
}

/** The number of a port or the name of one of the container's. */
export function validatePort(port: number | string | undefined, field: string): FieldError[] {
  if (typeof port === 'string') return invalidEach(field, port, portName(port));
  return invalidEach(field, port ?? 0, portNumber(port ?? 0));
}

/** A sleep of no seconds is allowed since Kubernetes 1.33. */
function validateSleep(seconds: number, gracePeriodSeconds: number, field: string): FieldError[] {
  if (seconds >= 0 && seconds <= gracePeriodSeconds) return [];
  return [
    invalid(
      field,
      seconds,
      `must be non-negative and less than terminationGracePeriodSeconds (${gracePeriodSeconds})`,
    ),
  ];
}
