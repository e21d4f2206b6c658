import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { classSamples } from '../../src/kube/resources/class-samples.test-data.ts';
import { findKubectls, Kubectl } from './kubectl.ts';
import { type RunningServer, startServer } from './running-server.ts';

/** The oldest and the newest at hand: the kinds here are data to kubectl, which changed little about them. */
const all = findKubectls();
const kubectls = [...new Set([all[0], all.at(-1)])].filter((one) => one !== undefined);

const HEADERS: Readonly<Record<string, string>> = {
  ingresses: 'NAME CLASS HOSTS ADDRESS PORTS AGE',
  ingressclasses: 'NAME CONTROLLER PARAMETERS AGE',
  networkpolicies: 'NAME POD-SELECTOR AGE',
  ipaddresses: 'NAME PARENTREF',
  servicecidrs: 'NAME CIDRS AGE',
  storageclasses: 'NAME PROVISIONER RECLAIMPOLICY VOLUMEBINDINGMODE ALLOWVOLUMEEXPANSION AGE',
  volumeattachments: 'NAME ATTACHER PV NODE ATTACHED AGE',
  csidrivers: 'NAME ATTACHREQUIRED PODINFOONMOUNT STORAGECAPACITY TOKENREQUESTS REQUIRESREPUBLISH MODES AGE',
  csinodes: 'NAME DRIVERS AGE',
  csistoragecapacities: 'NAME STORAGECLASSNAME CAPACITY',
  volumeattributesclasses: 'NAME DRIVERNAME AGE',
  priorityclasses: 'NAME VALUE GLOBAL-DEFAULT AGE PREEMPTIONPOLICY',
  runtimeclasses: 'NAME HANDLER AGE',
  certificatesigningrequests: 'NAME AGE SIGNERNAME REQUESTOR REQUESTEDDURATION CONDITION',
  flowschemas: 'NAME PRIORITYLEVEL MATCHINGPRECEDENCE DISTINGUISHERMETHOD AGE MISSINGPL',
  prioritylevelconfigurations: 'NAME TYPE NOMINALCONCURRENCYSHARES QUEUES HANDSIZE QUEUELENGTHLIMIT AGE',
  resourceclaims: 'NAME STATE AGE',
  resourceslices: 'NAME NODE DRIVER POOL AGE',
  validatingwebhookconfigurations: 'NAME WEBHOOKS AGE',
  validatingadmissionpolicies: 'NAME VALIDATIONS PARAMKIND AGE',
  validatingadmissionpolicybindings: 'NAME POLICYNAME PARAMREF AGE',
  mutatingadmissionpolicies: 'NAME MUTATIONS PARAMKIND AGE',
  apiservices: 'NAME SERVICE AVAILABLE AGE',
  storageversionmigrations: 'NAME RESOURCE',
};

let running: RunningServer;
let config: string;

beforeAll(async () => {
  running = await startServer();
  config = await running.kubeconfig({ commonName: 'orrery-admin', organizations: ['system:masters'] });
});

afterAll(() => running?.stop());

test.skipIf(kubectls.length > 0)('kubectl is not installed: classes not checked with it', (context) =>
  context.skip('no kubectl on PATH'),
);

describe.each(kubectls)('$name', ({ path }) => {
  let kubectl: Kubectl;
  let file: string;
  const samples = Object.entries(classSamples);

  beforeAll(async () => {
    kubectl = await Kubectl.create(path, config, 'default');
    file = join(running.directory, 'classes.json');
    const items = samples.map(([, object]) => object);
    await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  });

  afterAll(() => kubectl.dispose());

  test('every kind is applied, and applied again changes nothing', async () => {
    const created = (await kubectl.ok('apply', '-f', file)).trim().split('\n');
    expect(created.filter((line) => !line.endsWith(' created'))).toEqual([]);
    expect(created).toHaveLength(samples.length);
    // Lists that are replaced whole and have defaults make kubectl send a patch; nothing may come of it.
    const versions = () =>
      kubectl.ok('get', '-f', file, '-o', 'jsonpath={.items[*].metadata.resourceVersion}');
    const before = await versions();
    await kubectl.ok('apply', '-f', file);
    expect(await versions()).toBe(before);
  });

  test('prints the columns people know', async () => {
    for (const [resource, header] of Object.entries(HEADERS)) {
      const [first = ''] = (await kubectl.ok('get', resource)).split('\n');
      expect(
        first
          .trim()
          .split(/ {2,}|\s+/)
          .join(' '),
      ).toBe(header);
    }
  });

  test('approves and denies certificate requests', async () => {
    expect(await kubectl.ok('certificate', 'approve', 'hello')).toContain('approved');
    expect(await kubectl.ok('get', 'csr', 'hello')).toContain('Approved');
    expect(await kubectl.ok('describe', 'csr', 'hello')).toMatch(/Common Name:\s+ann/);
  });

  test('deletes them', async () => {
    await kubectl.ok('delete', '-f', file);
    expect(await kubectl.ok('get', 'flowschemas,priorityclasses,apiservices')).not.toContain('hello');
  });
});
