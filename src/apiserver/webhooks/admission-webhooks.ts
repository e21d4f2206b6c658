import { BadRequest, type Log, messageOf } from '../../base/index.ts';
import {
  type admissionregistrationv1,
  jsonPatch,
  type KubeObject,
  patchFailure,
  type Resource,
} from '../../kube/index.ts';
import {
  type AdmissionPlugin,
  type AdmissionRequest,
  guardingWorkspace,
  type StoredObjects,
} from '../admission/admission.ts';
import type { AdmissionObserver, WebhookCheck } from '../admission/admission-observer.ts';
import { forbidden, internalError } from '../errors.ts';
import type { Attributes, VersionConverter } from './attributes.ts';
import { deniedByWebhook } from './denial.ts';
import { readVerdict, reviewRequest, UndecodablePatch, type Verdict } from './review.ts';
import { isExempt, type RequestMatcher } from './rules.ts';
import { noteFailedOpen, noteMutation, type WebhookPlace } from './webhook-annotations.ts';
import type { WebhookClient } from './webhook-client.ts';

type Webhook = admissionregistrationv1.MutatingWebhook;
type Configuration = KubeObject & { webhooks?: Webhook[] };

export interface WebhookParts {
  objects: StoredObjects;
  matcher: RequestMatcher;
  converter: VersionConverter;
  client: WebhookClient;
  /** Decides matchConditions: false when one is not met. @throws Error when one cannot be evaluated. */
  meetsConditions(webhook: Webhook, request: AdmissionRequest, attributes: Attributes): Promise<boolean>;
  observer?: AdmissionObserver | undefined;
  log: Log;
}

interface Hook {
  /** Of the webhook across configurations. */
  id: string;
  configuration: string;
  webhook: Webhook;
}

/** One webhook that is to be asked, in the version it wants. */
interface Call extends Hook {
  version: Resource;
  attributes: Attributes;
  /** Among the webhooks there are. */
  index: number;
}

/** The webhooks of one kind of configuration: by name of the configuration, then as they stand in it. */
class Webhooks {
  readonly #parts: WebhookParts;
  readonly #reference: { group: string; resource: string };
  readonly #kind: 'mutating' | 'validating';

  constructor(parts: WebhookParts, kind: 'mutating' | 'validating') {
    this.#parts = parts;
    this.#reference = { group: 'admissionregistration.k8s.io', resource: `${kind}webhookconfigurations` };
    this.#kind = kind;
  }

  /** There are none: known without looking. */
  hasNone(request: AdmissionRequest): boolean {
    const workspace = guardingWorkspace(request);
    return this.#parts.objects.hasNone?.(this.#reference, { workspace }) === true;
  }

  async list(request: AdmissionRequest): Promise<Hook[]> {
    const workspace = guardingWorkspace(request);
    const found = await this.#parts.objects.list<Configuration>(this.#reference, { workspace });
    // Lists of the store come in the order of their names.
    return found.flatMap(({ object }) => {
      const seen = new Map<string, number>();
      return (object.webhooks ?? []).map((webhook) => {
        const count = seen.get(webhook.name) ?? 0;
        seen.set(webhook.name, count + 1);
        const configuration = object.metadata.name;
        return { id: `${configuration}/${webhook.name}/${count}`, configuration, webhook };
      });
    });
  }

  /** The call to make, undefined when the webhook is not for this request. */
  async callFor(hook: Hook, index: number, request: AdmissionRequest): Promise<Call | undefined> {
    const { webhook } = hook;
    const { matcher, converter, meetsConditions } = this.#parts;
    const version = await matcher.match({ ...webhook, rules: webhook.rules ?? [] }, request);
    if (version === undefined) return undefined;
    const attributes = await converter.attributes(request, version);
    if (webhook.matchConditions?.length) {
      try {
        if (!(await meetsConditions(webhook, request, attributes))) return undefined;
      } catch (cause) {
        if (webhook.failurePolicy === 'Ignore') return undefined;
        const name = request.name || request.object?.metadata.name || '';
        throw forbidden(request.resource, name, messageOf(cause));
      }
    }
    return { ...hook, version, attributes, index };
  }

  /** What the webhook says; undefined when it could not be had and that is to be ignored. @throws what refuses the request */
  async ask(call: Call, request: AdmissionRequest): Promise<Verdict | undefined> {
    const { webhook } = call;
    if (request.dryRun && !['None', 'NoneOnDryRun'].includes(webhook.sideEffects))
      throw new BadRequest(`admission webhook ${JSON.stringify(webhook.name)} does not support dry run`);
    let verdict: Verdict;
    const startMs = performance.now();
    const observe = (outcome: WebhookCheck['outcome']) =>
      this.#parts.observer?.webhookCalled({
        kind: this.#kind,
        webhook: webhook.name,
        operation: request.operation,
        seconds: (performance.now() - startMs) / 1000,
        outcome,
      });
    try {
      verdict = await this.#review(call, request);
    } catch (cause) {
      observe({ type: 'failed', isIgnored: webhook.failurePolicy === 'Ignore' });
      const failure = `failed calling webhook ${JSON.stringify(webhook.name)}: ${messageOf(cause)}`;
      if (webhook.failurePolicy !== 'Ignore') throw internalError(failure, cause);
      this.#parts.log.warn('a webhook failed, which its failure policy ignores', {
        webhook: webhook.name,
        error: failure,
      });
      noteFailedOpen(request, this.placeOf(call, request));
      return undefined;
    }
    for (const [key, value] of Object.entries(verdict.annotations))
      request.annotate?.(`${webhook.name}/${key}`, value);
    for (const warning of verdict.warnings) request.warn?.(warning);
    if (verdict.allowed) {
      observe({ type: 'allowed' });
      return verdict;
    }
    const denial = deniedByWebhook(webhook.name, verdict.status);
    observe({ type: 'denied', code: denial.status.code ?? 400 });
    throw denial;
  }

  placeOf({ configuration, webhook, index }: Call, { reinvocation }: AdmissionRequest): WebhookPlace {
    const round = reinvocation?.isSecond === true && this.#kind === 'mutating' ? 1 : 0;
    return { kind: this.#kind, configuration, webhook: webhook.name, round, index };
  }

  async #review({ webhook, attributes }: Call, request: AdmissionRequest): Promise<Verdict> {
    const version = (webhook.admissionReviewVersions ?? []).find((one) => one === 'v1' || one === 'v1beta1');
    if (version === undefined)
      throw new Error('webhook does not accept known AdmissionReview versions (v1, v1beta1)');
    const { options, ...about } = reviewRequest(request, attributes);
    const { object, oldObject } = attributes;
    const body = {
      kind: 'AdmissionReview',
      apiVersion: `admission.k8s.io/${version}`,
      request: { ...about, object, oldObject, options },
    };
    let answer: unknown;
    try {
      answer = await this.#parts.client.post({
        clientConfig: webhook.clientConfig,
        timeoutSeconds: webhook.timeoutSeconds ?? 10,
        workspace: guardingWorkspace(request),
        body,
      });
    } catch (cause) {
      throw new Error(`failed to call webhook: ${messageOf(cause)}`, { cause });
    }
    try {
      return readVerdict(answer, { uid: about.uid!, version, mutating: this.#kind === 'mutating' });
    } catch (cause) {
      const what = cause instanceof UndecodablePatch ? 'undecodable patch in' : 'invalid';
      throw new Error(`received ${what} webhook response: ${messageOf(cause)}`, { cause });
    }
  }
}

/** What is remembered of a request between the first round of plug-ins and the second. */
interface Round {
  /** Webhooks with reinvocationPolicy IfNeeded that were asked already. */
  asked: Set<string>;
  /** Of those, the ones whose object has changed since. */
  again: Set<string>;
  /** The object as the last webhook left it. */
  last: string;
}

/**
 * Asks mutating webhooks one after the other and applies their patches; changes bring the other plug-ins, and
 * webhooks that want to, a second time. Source: k8s.io/apiserver/pkg/admission/plugin/webhook/mutating/dispatcher.go.
 */
export class MutatingAdmissionWebhook implements AdmissionPlugin {
  readonly name = 'MutatingAdmissionWebhook';
  readonly #parts: WebhookParts;
  readonly #webhooks: Webhooks;
  readonly #rounds = new WeakMap<AdmissionRequest, Round>();

  constructor(parts: WebhookParts) {
    this.#parts = parts;
    this.#webhooks = new Webhooks(parts, 'mutating');
  }

  mutate(request: AdmissionRequest): Promise<void> | undefined {
    if (this.#webhooks.hasNone(request) || isExempt(request)) return undefined;
    return this.#mutate(request);
  }

  async #mutate(request: AdmissionRequest): Promise<void> {
    const all = await this.#webhooks.list(request);
    if (all.length === 0) return;
    const round = this.#roundOf(request);
    for (const [index, hook] of all.entries()) {
      const { id, webhook } = hook;
      const isSecond = request.reinvocation?.isSecond === true;
      if (isSecond && round.asked.has(id) && !round.again.has(id)) continue;
      if (isSecond && !round.asked.has(id)) continue;
      const call = await this.#webhooks.callFor(hook, index, request);
      if (call === undefined) continue;
      round.again.delete(id);
      let changed = false;
      try {
        changed = await this.#apply(call, request);
      } finally {
        noteMutation(request, this.#webhooks.placeOf(call, request), changed);
      }
      if (changed) {
        for (const other of round.asked) if (other !== id) round.again.add(other);
        if (request.reinvocation !== undefined) request.reinvocation.isWanted = true;
      }
      if (webhook.reinvocationPolicy === 'IfNeeded') round.asked.add(id);
    }
    round.last = JSON.stringify(request.object ?? request.body ?? null);
  }

  #roundOf(request: AdmissionRequest): Round {
    const now = JSON.stringify(request.object ?? request.body ?? null);
    const known = this.#rounds.get(request);
    const round = known ?? { asked: new Set(), again: new Set(), last: now };
    if (known === undefined) this.#rounds.set(request, round);
    // The plug-ins of the second round changed something: whoever wants to see changes does.
    if (round.last !== now) for (const id of round.asked) round.again.add(id);
    return round;
  }

  /** True when the webhook changed the object. */
  async #apply(call: Call, request: AdmissionRequest): Promise<boolean> {
    const verdict = await this.#webhooks.ask(call, request);
    if (verdict?.patch === undefined || verdict.patch.length === 0) return false;
    const { object } = call.attributes;
    const { name } = call.webhook;
    if (object === null)
      throw internalError(
        `admission webhook ${JSON.stringify(name)} attempted to modify the object, which is not supported for this operation`,
      );
    const before = JSON.stringify(request.object ?? request.body);
    const next = patched(structuredClone(object), verdict.patch);
    await this.#parts.converter.replace(request, call.version, next);
    return JSON.stringify(request.object ?? request.body) !== before;
  }
}

function patched(object: object, patch: unknown[]): object {
  try {
    return jsonPatch(object, patch) as object;
  } catch (cause) {
    throw internalError(patchFailure(cause), cause);
  }
}

/** Asks all validating webhooks at once. Source: k8s.io/apiserver/pkg/admission/plugin/webhook/validating/dispatcher.go. */
export class ValidatingAdmissionWebhook implements AdmissionPlugin {
  readonly name = 'ValidatingAdmissionWebhook';
  readonly #webhooks: Webhooks;

  constructor(parts: WebhookParts) {
    this.#webhooks = new Webhooks(parts, 'validating');
  }

  validate(request: AdmissionRequest): Promise<void> | undefined {
    if (this.#webhooks.hasNone(request) || isExempt(request)) return undefined;
    return this.#validate(request);
  }

  async #validate(request: AdmissionRequest): Promise<void> {
    const calls: Call[] = [];
    for (const [index, hook] of (await this.#webhooks.list(request)).entries()) {
      const call = await this.#webhooks.callFor(hook, index, request);
      if (call !== undefined) calls.push(call);
    }
    const outcomes = await Promise.allSettled(calls.map((call) => this.#webhooks.ask(call, request)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }
}
