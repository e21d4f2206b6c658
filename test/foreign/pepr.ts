import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Ground } from './ground.ts';
import { npmPackages } from './packages.ts';

const VERSION = '1.1.4';

/** A module as a user of Pepr writes one: admission, a watch that applies, and its store. */
const MODULE = `
import { Capability, K8s, PeprModule, a, kind } from 'pepr';
import cfg from './package.json';
const Demo = new Capability({ name: 'demo', description: 'a demo', namespaces: ['pepr-demo'] });
const { When, Store } = Demo;
When(a.ConfigMap).IsCreatedOrUpdated().Mutate((request) => {
  request.SetLabel('pepr', 'was-here');
  Store.setItem('last', request.Raw.metadata.name);
});
When(a.ConfigMap).IsCreatedOrUpdated().Validate((request) =>
  request.Raw.data?.evil === 'yes' ? request.Deny('no evil here') : request.Approve());
When(a.Secret).IsCreatedOrUpdated().InNamespace('pepr-demo').Reconcile(async (secret) => {
  await K8s(kind.ConfigMap).Apply({
    metadata: { name: 'of-' + secret.metadata.name, namespace: 'pepr-demo' },
    data: { uid: secret.metadata.uid },
  });
});
new PeprModule(cfg, [Demo]);
`;

/** Pepr, a framework of controllers and admission webhooks: its own informer, its own store, server-side apply. */
export async function pepr(ground: Ground): Promise<void> {
  const packages = npmPackages(ground.cache, 'pepr', [`pepr@${VERSION}`, 'typescript@5']);
  const folder = ground.folder;
  symlinkSync(join(packages, 'node_modules'), join(folder, 'node_modules'));
  const about = {
    uuid: 'static-test',
    onError: 'reject',
    webhookTimeout: 10,
    alwaysIgnore: { namespaces: [] },
  };
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'demo', version: '0.0.1', description: 'a demo', pepr: about }),
  );
  writeFileSync(join(folder, 'pepr.ts'), MODULE);
  const template = createRequire(join(packages, 'package.json')).resolve('pepr/package.json');
  execFileSync('cp', [
    join(dirname(template), 'src/templates/tsconfig.module.json'),
    join(folder, 'tsconfig.json'),
  ]);
  await ground.make('/api/v1/namespaces', { metadata: { name: 'pepr-demo' } });
  const inside = '/api/v1/namespaces/pepr-demo';
  const program = join(packages, 'node_modules/.bin/pepr');
  const process = ground.run('pepr', program, ['dev', '--host', 'localhost', '--yes'], {
    cwd: folder,
    env: { KUBECONFIG: await ground.admin(), LOG_LEVEL: 'info' },
  });
  const webhooks = '/apis/admissionregistration.k8s.io/v1';
  for (const kind of ['mutating', 'validating'])
    await ground.eventually(
      `it registers its ${kind} webhook`,
      async () =>
        (await ground.send('GET', `${webhooks}/${kind}webhookconfigurations`)).body.items.length === 1,
      60_000,
    );
  let count = 0;
  await ground.eventually('it labels what is created', async () => {
    const answer = await ground.send('POST', `${inside}/configmaps`, { metadata: { name: `a-${count++}` } });
    return answer.body.metadata?.labels?.pepr === 'was-here';
  });
  const evil = await ground.send('POST', `${inside}/configmaps`, {
    metadata: { name: 'evil' },
    data: { evil: 'yes' },
  });
  ground.check('it denies', evil.status === 422 && /no evil here/.test(evil.body.message), evil.body);
  await ground.make(`${inside}/secrets`, { metadata: { name: 's' } });
  await ground.eventually(
    'its watch sees a secret and applies',
    async () => (await ground.send('GET', `${inside}/configmaps/of-s`)).body.data?.uid !== undefined,
  );
  await ground.eventually('its store keeps what it is given, in its custom resource', async () => {
    const path = '/apis/pepr.dev/v1/namespaces/pepr-system/peprstores/pepr-static-test-store';
    const { body } = await ground.send('GET', path);
    return Object.keys(body.data ?? {}).some((key) => key.includes('last'));
  });
  await ground.end(process);
}
