import { randomUUID } from 'node:crypto';
import { isIP } from 'node:net';
import { Readable } from 'node:stream';
import { type Clock, type Log, type MetricRegistry, systemClock } from '../../base/index.ts';
import { decodeProtobufObject } from '../encoding/protobuf-object.ts';
import { PROTOBUF } from '../encoding/protobuf-types.ts';
import { parseYaml } from '../encoding/yaml.ts';
import {
  type ApiRequest,
  type ApiResponse,
  decodeText,
  isWhole,
  joinedBody,
  type User,
} from '../http/messages.ts';
import type { RequestInfo } from '../request-info/request-info.ts';
import { AuditLog, type AuditLogLimits } from './audit-log.ts';
import {
  AUDIT_LEVELS,
  type AuditAttributes,
  type AuditDecision,
  type AuditLevel,
  type AuditPolicy,
  type AuditStage,
  decideAudit,
  readAuditPolicy,
} from './audit-policy.ts';

type Json = Record<string, unknown>;

export interface AuditSubject {
  request: ApiRequest;
  user: User;
  info: RequestInfo;
  /** What the answer's header Audit-Id says. */
  id?: string | undefined;
  /** Of the connection; undefined for callers in this process. */
  remoteAddress?: string | undefined;
}

/** Kubernetes' audit Policy, and the file its events go to (`-`: the standard output). */
export interface AuditOptions {
  policyFile: string;
  logFile: string;
  limits?: AuditLogLimits;
  /** `blocking`: a client hears nothing before what it did is in the file. Default `batch`. */
  mode?: 'batch' | 'blocking';
}

/** @throws BadRequest naming what is wrong with the policy, or that the log cannot be written. */
export async function openAudit(
  options: AuditOptions,
  { log, clock = systemClock }: { log: Log; clock?: Clock },
): Promise<Audit> {
  const policy = await readAuditPolicy(options.policyFile);
  const file = await AuditLog.open(options.logFile, { ...options.limits, log });
  return new Audit(policy, file, { clock, isBlocking: options.mode === 'blocking' });
}

/** Writes down who asked what, as the policy says; https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/. */
export class Audit {
  readonly #policy: AuditPolicy;
  readonly #log: AuditLog;
  readonly #clock: Clock;
  readonly #isBlocking: boolean;
  #metrics: AuditMetrics | undefined;

  constructor(policy: AuditPolicy, log: AuditLog, options: { clock: Clock; isBlocking: boolean }) {
    this.#policy = policy;
    this.#log = log;
    this.#clock = options.clock;
    this.#isBlocking = options.isBlocking;
  }

  /** From now on what is written is counted. */
  count(registry: MetricRegistry): void {
    this.#metrics = metricsOf(registry);
  }

  /** Undefined when the policy does not want this request. */
  begin(subject: AuditSubject): RequestAudit | undefined {
    const decision = decideAudit(this.#policy, attributesOf(subject));
    this.#metrics?.levels.at(decision.level).add();
    if (decision.level === 'None') return undefined;
    const audit = this.#audited(subject, decision);
    audit.emit('RequestReceived');
    return audit;
  }

  /** Somebody who could not show who he is; one event, of no user. Source: filters/authn_audit.go. */
  refused(subject: Omit<AuditSubject, 'user'>, status: number, hasCertificate: boolean): void {
    const whole = { ...subject, user: NOBODY };
    const decision = decideAudit(this.#policy, attributesOf(whole));
    this.#metrics?.levels.at(decision.level).add();
    if (decision.level === 'None') return;
    const message = attempted(subject.request, hasCertificate);
    const responseStatus = { metadata: {}, message, code: status };
    this.#audited(whole, decision).emit('ResponseStarted', { responseStatus });
  }

  #audited(subject: AuditSubject, decision: AuditDecision): RequestAudit {
    return new RequestAudit(subject, decision, {
      write: (event) => {
        this.#metrics?.events.at().add();
        this.#log.write(event);
      },
      ...(this.#isBlocking && { flushed: () => this.#log.flush() }),
      now: () => this.#clock.now(),
    });
  }

  close(): Promise<void> {
    return this.#log.close();
  }
}

interface Out {
  write(event: object): void;
  /** Resolves when all is in the file; absent where nobody waits for that. */
  flushed?(): Promise<void>;
  now(): number;
}

/** The events of one request. */
export class RequestAudit {
  readonly #subject: AuditSubject;
  readonly #decision: AuditDecision;
  readonly #out: Out;
  readonly #annotations: Record<string, string> = {};
  readonly #receivedAt: string;
  readonly id: string;
  #impersonated: User | undefined;
  #ended = false;

  constructor(subject: AuditSubject, decision: AuditDecision, out: Out) {
    this.#subject = subject;
    this.#decision = decision;
    this.#out = out;
    this.#receivedAt = microTime(out.now());
    this.id = subject.id ?? randomUUID();
  }

  annotate(name: string, value: string): void {
    this.#annotations[name] = value;
  }

  impersonate(user: User): void {
    this.#impersonated = user;
  }

  /** The answer; what is a stream is complete when it has been read or given up. */
  async answered(
    response: ApiResponse,
    upgraded?: { once(event: 'close', listener: () => void): unknown },
  ): Promise<ApiResponse> {
    if (response.status === 101 && upgraded !== undefined) {
      this.emit('ResponseStarted', { responseStatus: { metadata: {}, code: 101 } });
      upgraded.once('close', () => this.#complete({ responseStatus: { metadata: {}, code: 101 } }));
      return response;
    }
    const { body } = response;
    const outcome = await this.#outcome(response);
    if (isWhole(body)) {
      this.#complete(outcome);
      await this.#out.flushed?.();
      return response;
    }
    this.emit('ResponseStarted', outcome);
    return { ...response, body: this.#followed(body, outcome) };
  }

  /** No generator: one that nobody begins to read would not hear that it is given up. */
  #followed(body: AsyncIterable<Uint8Array>, outcome: Json): AsyncIterable<Uint8Array> {
    const iterator = body[Symbol.asyncIterator]();
    const complete = () => this.#complete(outcome);
    const followed: AsyncIterator<Uint8Array> = {
      async next() {
        try {
          const result = await iterator.next();
          if (result.done === true) complete();
          return result;
        } catch (error) {
          complete();
          throw error;
        }
      },
      async return() {
        complete();
        if (body instanceof Readable) body.destroy();
        await iterator.return?.();
        return { done: true, value: undefined };
      },
    };
    return { [Symbol.asyncIterator]: () => followed };
  }

  #complete(outcome: Json): void {
    if (this.#ended) return;
    this.#ended = true;
    this.emit('ResponseComplete', outcome);
  }

  emit(stage: AuditStage, outcome: Json = {}): void {
    if (this.#decision.omitStages.has(stage)) return;
    const { request, user, info, remoteAddress } = this.#subject;
    const query = request.query?.toString();
    const { requestObject, responseObject, responseStatus, objectRef = this.#objectRef() } = outcome;
    const userAgent = request.headers?.['user-agent'];
    this.#out.write({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: this.#decision.level,
      auditID: this.id,
      stage,
      requestURI: query ? `${request.path}?${query}` : request.path,
      verb: info.verb,
      user: userInfo(user),
      ...(this.#impersonated !== undefined && { impersonatedUser: userInfo(this.#impersonated) }),
      ...(remoteAddress !== undefined && { sourceIPs: sourceAddresses(request, remoteAddress) }),
      ...(userAgent !== undefined && { userAgent }),
      ...(objectRef !== undefined && { objectRef }),
      ...(responseStatus !== undefined && { responseStatus }),
      ...(requestObject !== undefined && { requestObject }),
      ...(responseObject !== undefined && { responseObject }),
      requestReceivedTimestamp: this.#receivedAt,
      stageTimestamp: microTime(this.#out.now()),
      ...(Object.keys(this.#annotations).length > 0 && { annotations: this.#annotations }),
    });
  }

  #objectRef(): Json | undefined {
    const { info } = this.#subject;
    if (info.type === 'path') return undefined;
    const { resource, namespace, name, group, version, subresource } = info;
    return {
      resource,
      ...(namespace !== undefined && { namespace }),
      ...(name !== undefined && { name }),
      ...(group !== '' && { apiGroup: group }),
      apiVersion: version,
      ...(subresource !== undefined && { subresource }),
    };
  }

  async #outcome(response: ApiResponse): Promise<Json> {
    const { request, info } = this.#subject;
    const isResource = info.type === 'resource' && info.subresource !== 'proxy';
    const sent = isResource ? await parsed(request.body, request.headers?.['content-type']) : undefined;
    const { body, headers, status } = response;
    const isFailure = status >= 400;
    const wanted = isResource && (isFailure || this.#reaches('RequestResponse'));
    const answered =
      wanted && isWhole(body) && headers['content-encoding'] === undefined
        ? await parsed(joinedBody(body), headers['content-type'])
        : undefined;
    const metadata = (sent as { metadata?: Json } | undefined)?.metadata;
    const ref = this.#objectRef();
    const outcome: Json = {
      responseStatus:
        isFailure && isStatus(answered) ? statusOnly(answered, status) : { metadata: {}, code: status },
    };
    if (ref !== undefined && ref.name === undefined && typeof metadata?.name === 'string')
      outcome.objectRef = { ...ref, name: metadata.name };
    if (this.#reaches('Request') && sent !== undefined) outcome.requestObject = this.#shown(sent);
    if (this.#reaches('RequestResponse') && answered !== undefined)
      outcome.responseObject = this.#shown(answered);
    return outcome;
  }

  #reaches(level: AuditLevel): boolean {
    return AUDIT_LEVELS.indexOf(this.#decision.level) >= AUDIT_LEVELS.indexOf(level);
  }

  #shown(object: unknown): unknown {
    if (!this.#decision.omitManagedFields || typeof object !== 'object' || object === null) return object;
    const { items } = object as { items?: unknown };
    const bare = withoutManagedFields(object as Json);
    return Array.isArray(items) ? { ...bare, items: items.map(withoutManagedFields) } : bare;
  }
}

function withoutManagedFields(object: Json): Json {
  const { metadata } = object as { metadata?: Json | null };
  if (metadata?.managedFields === undefined) return object;
  const { managedFields: _omitted, ...rest } = metadata;
  return { ...object, metadata: rest };
}

function attributesOf({ user, info }: AuditSubject): AuditAttributes {
  const about = { user, verb: info.verb, path: info.path };
  if (info.type === 'path') return about;
  const { group, resource: name, subresource = '', namespace = '', name: objectName = '' } = info;
  return { ...about, resource: { group, name, subresource, namespace, objectName } };
}

/** Undefined for what is no object: it was refused, and its Status tells why. */
async function parsed(body: Uint8Array | undefined, contentType = ''): Promise<unknown> {
  if (body === undefined || body.length === 0) return undefined;
  const type = contentType.split(';')[0]!.trim().toLowerCase();
  try {
    if (type === PROTOBUF) return decodeProtobufObject(body);
    const text = decodeText(body);
    const isJson = type === '' || type.endsWith('json') || text.trimStart().startsWith('{');
    if (isJson) return JSON.parse(text) as unknown;
    return type.endsWith('yaml') ? (await parseYaml(text)).value : undefined;
  } catch {
    return undefined; // what cannot be read has no object to show
  }
}

/** Who is not known. */
const NOBODY: User = { name: '', groups: [] };

type AuditMetrics = ReturnType<typeof metricsOf>;

function metricsOf(registry: MetricRegistry) {
  return {
    events: registry.counter({
      name: 'apiserver_audit_event_total',
      help: 'Counter of audit events generated and sent to the audit backend.',
    }),
    levels: registry.counter({
      name: 'apiserver_audit_level_total',
      help: 'Counter of policy levels for audit events (1 per request).',
      labels: ['level'],
    }),
  };
}

function attempted({ headers, query }: ApiRequest, hasCertificate: boolean): string {
  const methods: string[] = [];
  const [scheme = '', credentials] = (headers?.authorization ?? '').trim().split(/ +/);
  if (scheme.toLowerCase() === 'basic' && credentials) methods.push('basic');
  if (scheme.toLowerCase() === 'bearer' && credentials) methods.push('bearer');
  if (query?.get('access_token')?.trim()) methods.push('access_token');
  if (hasCertificate) methods.push('x509');
  return methods.length === 0
    ? 'Authentication failed, no credentials provided'
    : `Authentication failed, attempted: ${methods.join(', ')}`;
}

/** Those the request is said to come from, then who sent it; k8s.io/apimachinery/pkg/util/net SourceIPs. */
function sourceAddresses({ headers }: ApiRequest, remoteAddress: string): string[] {
  const said = [...(headers?.['x-forwarded-for'] ?? '').split(','), headers?.['x-real-ip'] ?? ''];
  const addresses = said.map((one) => one.trim()).filter((one) => isIP(one) !== 0);
  return [...new Set([...addresses, remoteAddress])];
}

function isStatus(object: unknown): object is Json {
  return (object as { kind?: unknown } | undefined)?.kind === 'Status';
}

function statusOnly({ metadata, status, message, reason, details }: Json, code: number): Json {
  return { metadata, status, message, reason, ...(details !== undefined && { details }), code };
}

function userInfo({ name, uid, groups, extra }: User): Json {
  return {
    ...(name !== '' && { username: name }),
    ...(uid !== undefined && { uid }),
    ...(groups.length > 0 && { groups }),
    ...(extra !== undefined && Object.keys(extra).length > 0 && { extra }),
  };
}

function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
