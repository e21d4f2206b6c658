import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningServer, startServer } from './running-server.ts';

/** After test/e2e/apimachinery/health_handlers.go and test/e2e/instrumentation/metrics.go. */

let running: RunningServer;

beforeAll(async () => {
  running = await startServer();
});

afterAll(() => running?.stop());

const ADMIN = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };

async function get(url: string, headers: Record<string, string> = {}) {
  const [path = '', query] = url.split('?');
  const response = await running.server.handle(
    { method: 'GET', path, headers, ...(query !== undefined && { query: new URLSearchParams(query) }) },
    ADMIN,
  );
  return { ...response, text: Buffer.from(response.body as Uint8Array).toString() };
}

/** Samples by family; throws at what is no valid exposition. */
function parse(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const types = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('# HELP ') || line === '# EOF') continue;
    const type = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(line);
    if (type !== null) {
      expect(types.has(type[1]!)).toBe(false);
      types.set(type[1]!, type[2]!);
      continue;
    }
    const sample = /^([a-z_]\w*)(\{(?:[a-z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\S+)$/.exec(line);
    if (sample === null) throw new Error(`no sample: ${line}`);
    const [, name = '', labels = '', value] = sample;
    const family = types.has(name) ? name : name.replace(/_(bucket|sum|count|total)$/, '');
    if (!types.has(family)) throw new Error(`no type: ${line}`);
    expect(Number.isFinite(Number(value))).toBe(true);
    expect(samples.has(name + labels)).toBe(false);
    samples.set(name + labels, Number(value));
  }
  return samples;
}

describe('/metrics', () => {
  test('has what one grabs from an API server', async () => {
    await get('/api/v1/namespaces');
    await get('/api/v1/namespaces/default');
    const { status, headers, text } = await get('/metrics');
    expect(status).toBe(200);
    expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    const samples = parse(text);
    const list =
      'verb="LIST",dry_run="",group="",version="v1",resource="namespaces",subresource="",scope="cluster",component="apiserver"';
    expect(samples.get(`apiserver_request_total{${list},code="200"}`)).toBe(1);
    expect(samples.get(`apiserver_request_duration_seconds_count{${list}}`)).toBe(1);
    expect(samples.get(`apiserver_request_duration_seconds_bucket{${list},le="+Inf"}`)).toBe(1);
    expect(samples.get('apiserver_storage_objects{resource="namespaces"}')).toBe(4);
    const names = [...samples.keys()].map((key) => key.split('{')[0]!);
    for (const name of [
      'apiserver_request_sli_duration_seconds_bucket',
      'apiserver_response_sizes_sum',
      'apiserver_current_inflight_requests',
      'apiserver_resource_objects',
      'apiserver_flowcontrol_dispatched_requests_total',
      'apiserver_flowcontrol_nominal_limit_seats',
      'apiserver_flowcontrol_current_executing_requests',
      'apiserver_admission_step_admission_duration_seconds_count',
      'apiserver_admission_controller_admission_duration_seconds_count',
      'authorization_attempts_total',
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
      'process_open_fds',
      'process_start_time_seconds',
      'kubernetes_build_info',
    ])
      expect(names).toContain(name);
    expect(text).toContain('# HELP apiserver_request_total [STABLE] Counter of apiserver requests');
  });

  test('comes as OpenMetrics to who asks for it', async () => {
    const { headers, text } = await get('/metrics', {
      accept: 'application/openmetrics-text; version=1.0.0',
    });
    expect(headers['content-type']).toMatch(/^application\/openmetrics-text; version=1\.0\.0/);
    expect(text.endsWith('# EOF\n')).toBe(true);
    expect(text).toContain('# TYPE apiserver_request counter\n');
    parse(text);
  });

  test('names of what is not served make no series', async () => {
    await get('/api/v1/nonsenses');
    await get('/apis/no.such/v1/things');
    expect((await get('/metrics')).text).not.toMatch(/nonsenses|no\.such/);
  });

  test('/metrics/slis tells of the health checks', async () => {
    await get('/readyz');
    const samples = parse((await get('/metrics/slis')).text);
    expect(samples.get('kubernetes_healthcheck{name="ping",type="readyz"}')).toBe(1);
    expect(
      samples.get('kubernetes_healthchecks_total{name="etcd",status="success",type="readyz"}'),
    ).toBeGreaterThan(0);
  });
});

describe('health', () => {
  const HOOKS = [
    'poststarthook/start-apiserver-admission-initializer',
    'poststarthook/generic-apiserver-start-informers',
    'poststarthook/start-apiextensions-informers',
    'poststarthook/start-apiextensions-controllers',
    'poststarthook/crd-informer-synced',
    'poststarthook/bootstrap-controller',
    'poststarthook/start-system-namespaces-controller',
    'poststarthook/scheduling/bootstrap-system-priority-classes',
    'poststarthook/start-cluster-authentication-info-controller',
    'poststarthook/start-kube-aggregator-informers',
    'poststarthook/apiservice-registration-controller',
    'poststarthook/apiservice-status-local-available-controller',
    'poststarthook/apiservice-status-remote-available-controller',
    'poststarthook/kube-apiserver-autoregistration',
    'autoregister-completion',
    'poststarthook/apiservice-openapi-controller',
  ];

  test.each([
    ['/healthz', []],
    ['/livez', []],
    ['/readyz', ['informer-sync']],
  ])('%s contains the necessary checks', async (path, more) => {
    const { status, text } = await get(`${path}?verbose=1`);
    expect(status).toBe(200);
    const lines = text.split('\n');
    for (const name of ['ping', 'log', 'etcd', ...more, ...HOOKS]) expect(lines).toContain(`[+]${name} ok`);
    expect(text.endsWith(`${path.slice(1)} check passed\n`)).toBe(true);
    expect((await get(path)).text).toBe('ok');
  });

  test('a check can be asked alone, or left out', async () => {
    expect((await get('/livez/poststarthook/crd-informer-synced')).text).toBe('ok');
    expect((await get('/livez/nonsense')).status).toBe(404);
    const { text } = await get('/readyz?verbose&exclude=etcd&exclude=nonsense');
    expect(text).toContain('[+]etcd excluded: ok\n');
    expect(text).toContain('warn: some health checks cannot be excluded: no matches for "nonsense"\n');
  });
});

test('every answer has an Audit-Id, the client’s own when it sent one', async () => {
  expect((await get('/version')).headers['audit-id']).toMatch(/^[0-9a-f-]{36}$/);
  const { headers } = await get('/version', { 'audit-id': 'mine' });
  expect(headers).toMatchObject({ 'audit-id': 'mine', 'cache-control': 'no-cache, private' });
});

test('/statusz and /flagz tell of the process, as text only', async () => {
  const { text } = await get('/statusz');
  expect(text).toMatch(
    /^\nkube-apiserver statusz\nWarning: This endpoint is not meant to be machine parseable/,
  );
  expect(text).toMatch(/^Binary version: 1\.36\.0/m);
  expect((await get('/flagz')).text).toMatch(/^max-requests-inflight=400$/m);
  expect((await get('/flagz', { accept: 'application/json' })).status).toBe(406);
});
