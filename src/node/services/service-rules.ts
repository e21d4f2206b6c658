import { Backoff, type Clock, type Log } from '../../base/index.ts';
import {
  ENDPOINT_SLICES,
  type EventRecorder,
  type Informer,
  type InformerFactory,
  SERVICES,
} from '../../client/index.ts';
import type { corev1, discoveryv1 } from '../../kube/index.ts';
import { planRuleset } from './compile-ruleset.ts';
import { type HostNetwork, LinuxHostNetwork } from './host-network.ts';
import { differenceScript, wholeScript } from './nft-script.ts';
import { tableName } from './plan-table.ts';
import type { ServiceProblem } from './service-port.ts';
import { staleUdpFlows } from './stale-udp-flows.ts';
import type { TablePlan } from './table-plan.ts';

export interface ServiceRulesOptions {
  informers: Pick<InformerFactory, 'informer'>;
  /** Six hex digits; the table is `ip orrery_<instance>`. */
  instance: string;
  nodeName: string;
  nodeIps: string[];
  /** The addresses of this node's pods. */
  podCidr: string;
  /** Where cluster IPs are from; without it, a host without a default route does not reach them itself. */
  serviceCidr?: string;
  /** The bridge that the pods hang on; it may not exist yet. */
  bridge: string;
  log: Log;
  clock: Clock;
  /** Says on a Service what of it has no rules. */
  events?: EventRecorder;
  /** Default: this host's. */
  network?: HostNetwork;
}

export interface ServiceRules {
  /** Keeps the rules until `signal` aborts; they stay. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when the rules stand for the first time. */
  ready(): Promise<void>;
  /** Takes the whole table away, and what was set on the bridge. */
  remove(): Promise<void>;
}

/** Changes within this time become one transaction. */
const COALESCE_MS = 10;
/** How often it is checked that the table still stands, and a skipped port is tried again. */
const RECHECK_MS = 30_000;
const BRIDGE_POLL_MS = 250;

export function createServiceRules(options: ServiceRulesOptions): ServiceRules {
  return new NftServiceRules(options);
}

/** `remove()` for whoever has no informers: `orrery down --all`. */
export async function removeServiceRules(options: {
  instance: string;
  bridge?: string;
  network?: HostNetwork;
}): Promise<void> {
  const network = options.network ?? new LinuxHostNetwork();
  const table = `ip ${tableName(options.instance)}`;
  if (await network.hasTable(table)) await network.nft(`delete table ${table}\n`);
  if (options.bridge !== undefined) await network.setRouteLocalnet(options.bridge, false);
  await network.removeLoopbackRoutes(routeMetric(options.instance));
}

/** Several instances may route the same range: each has a metric of its own. */
function routeMetric(instance: string): number {
  return Number.parseInt(instance, 16) + 1;
}

class NftServiceRules implements ServiceRules {
  readonly #options: ServiceRulesOptions;
  readonly #network: HostNetwork;
  readonly #services: Informer<corev1.Service>;
  readonly #slices: Informer<discoveryv1.EndpointSlice>;
  readonly #ready = Promise.withResolvers<void>();
  readonly #backoff = new Backoff({ baseMs: 100, maxMs: 30_000 });
  /** What the kernel holds; undefined when that is not known. */
  #applied: TablePlan | undefined;
  #problems = new Map<string, ServiceProblem>();
  #dirty = true;
  #wake: (() => void) | undefined;
  #saidNoConntrack = false;

  constructor(options: ServiceRulesOptions) {
    this.#options = { ...options, log: options.log.with({ part: 'service-rules' }) };
    this.#network = options.network ?? new LinuxHostNetwork();
    this.#services = options.informers.informer<corev1.Service>(SERVICES);
    this.#slices = options.informers.informer<discoveryv1.EndpointSlice>(ENDPOINT_SLICES);
  }

  ready(): Promise<void> {
    return this.#ready.promise;
  }

  async remove(): Promise<void> {
    this.#applied = undefined;
    const { instance, bridge } = this.#options;
    await removeServiceRules({ instance, bridge, network: this.#network });
  }

  async run(signal: AbortSignal): Promise<void> {
    const note = () => this.#note();
    const handler = { onAdd: note, onUpdate: note, onDelete: note };
    const off = [this.#services.addHandler(handler), this.#slices.addHandler(handler)];
    signal.addEventListener('abort', note);
    try {
      await Promise.race([Promise.all([this.#services.synced(), this.#slices.synced()]), aborted(signal)]);
      await Promise.all([this.#keepRules(signal), this.#openBridge(signal)]);
    } finally {
      signal.removeEventListener('abort', note);
      for (const take of off) take();
    }
  }

  async #keepRules(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#dirty = false;
      try {
        await this.#apply();
        this.#backoff.forget('');
        this.#ready.resolve();
        await this.#changed(signal);
        if (!signal.aborted) await this.#pause(COALESCE_MS, signal);
      } catch (error) {
        this.#applied = undefined;
        const delayMs = this.#backoff.next('');
        this.#options.log.error('service rules cannot be set, trying again', { error, delayMs });
        await this.#pause(delayMs, signal);
      }
    }
  }

  async #apply(): Promise<void> {
    const before = this.#applied;
    const { plan, problems } = await this.#plan();
    if (before === undefined) await this.#routeClusterIps();
    const script =
      before === undefined
        ? wholeScript(plan, await this.#network.namesIn(plan.table))
        : differenceScript(before, plan);
    if (script !== '') {
      const startedAt = performance.now();
      await this.#replace(plan, script, before === undefined);
      const tookMs = Math.round(performance.now() - startedAt);
      this.#options.log.debug('service rules set', {
        chains: plan.chains.size,
        bytes: script.length,
        tookMs,
      });
    }
    this.#applied = plan;
    this.#report(problems);
    if (before !== undefined) await this.#forgetUdp(before, plan);
  }

  /**
   * A process of this host gets no further than to "network unreachable" when no route leads to a cluster IP,
   * however much the output hook would translate it. The loopback, unlike the bridge, is always there.
   */
  async #routeClusterIps(): Promise<void> {
    const { instance, serviceCidr } = this.#options;
    if (serviceCidr !== undefined) await this.#network.addLoopbackRoute(serviceCidr, routeMetric(instance));
  }

  /** A table of another version may not take the new shape; then it goes, in the same transaction. */
  async #replace(plan: TablePlan, script: string, whole: boolean): Promise<void> {
    try {
      await this.#network.nft(script);
    } catch (error) {
      if (!whole || !(await this.#network.hasTable(plan.table))) throw error;
      this.#options.log.warn('the table that stands cannot be changed, replacing it', { error });
      await this.#network.nft(`delete table ${plan.table}\n${wholeScript(plan)}`);
    }
  }

  async #plan(): Promise<{ plan: TablePlan; problems: ServiceProblem[] }> {
    const services = this.#services.list();
    const open = services.some(
      ({ spec, status }) => spec.externalIPs?.length || status?.loadBalancer?.ingress,
    );
    const listeners = open ? await this.#network.listeners() : undefined;
    const { nodeIps } = this.#options;
    return planRuleset(services, this.#slices.list(), {
      ...this.#options,
      bridgeNetfilter: await this.#network.bridgeNetfilter(),
      hostListens: (protocol, ip, port) =>
        nodeIps.includes(ip) && listeners?.has(protocol, ip, port) === true,
    });
  }

  /** Each problem is said once, when it appears. */
  #report(problems: readonly ServiceProblem[]): void {
    const now = new Map(
      problems.map((problem) => [`${problem.service.metadata.uid} ${problem.message}`, problem]),
    );
    for (const [key, { service, reason, message }] of now) {
      if (this.#problems.has(key)) continue;
      const { namespace, name } = service.metadata;
      this.#options.log.warn('a part of a service has no rules', { namespace, name, message });
      this.#options.events?.event(service, 'Warning', reason, message);
    }
    this.#problems = now;
  }

  async #forgetUdp(before: TablePlan, after: TablePlan): Promise<void> {
    for (const flow of staleUdpFlows(before, after)) {
      if (await this.#network.forgetUdp(flow)) continue;
      if (!this.#saidNoConntrack)
        this.#options.log.warn(
          'without the conntrack tool, UDP clients of an endpoint that is gone wait for a time-out',
        );
      this.#saidNoConntrack = true;
      return;
    }
  }

  #note(): void {
    this.#dirty = true;
    this.#wake?.();
  }

  /** Waits for a change, or for the time to look again. */
  async #changed(signal: AbortSignal): Promise<void> {
    while (!this.#dirty && !signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const timer = new AbortController();
      const timeout = this.#options.clock.sleep(RECHECK_MS, timer.signal).then(
        () => 'timeout',
        () => undefined,
      );
      const why = await Promise.race([woken, timeout]);
      timer.abort();
      if (why !== 'timeout') return;
      if (this.#problems.size > 0) return;
      if (await this.#network.hasTable(this.#applied!.table)) continue;
      this.#options.log.warn('somebody took the service rules away, setting them again');
      this.#applied = undefined;
      return;
    }
  }

  /** Pods may reach what Services lead to on 127.0.0.1 only when their bridge lets such packets in. */
  async #openBridge(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (await this.#network.setRouteLocalnet(this.#options.bridge, true)) return;
      // The bridge comes with the first pod, and no file system event tells of it.
      await this.#pause(BRIDGE_POLL_MS, signal);
    }
  }

  async #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    // Rejects only because of the signal, which ends the caller's loop.
    await this.#options.clock.sleep(delayMs, signal).catch(() => undefined);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
