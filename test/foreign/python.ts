import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ground } from './ground.ts';
import { debianPackages } from './packages.ts';

const PACKAGES = [
  ...['python3-kubernetes', 'python3-urllib3', 'python3-dateutil', 'python3-six', 'python3-yaml'],
  ...['python3-certifi', 'python3-requests', 'python3-requests-oauthlib', 'python3-oauthlib'],
  ...['python3-websocket', 'python3-google-auth', 'python3-cachetools', 'python3-rsa'],
  ...['python3-pyasn1', 'python3-pyasn1-modules', 'python3-idna', 'python3-chardet'],
  ...['python3-charset-normalizer', 'python3-pkg-resources'],
];

/** The example of its leader election, with times of our own; whoever leads keeps a watch and reconciles what it sees. */
const CONTROLLER = `
import sys
from kubernetes import client, config, dynamic, watch
import kubernetes.dynamic.exceptions
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock
name = sys.argv[1]
config.load_kube_config()
core = client.CoreV1Api()
maps = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version='v1', kind='ConfigMap')
def lead():
    for event in watch.Watch().stream(core.list_namespaced_secret, 'default'):
        secret = event['object'].metadata.name
        body = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'of-' + secret}, 'data': {'by': name}}
        try:
            maps.create(body=body, namespace='default')
        except dynamic.exceptions.ConflictError:
            maps.patch(body=body, namespace='default', content_type='application/merge-patch+json')
lock = ConfigMapLock('lock', 'default', name)
leaderelection.LeaderElection(electionconfig.Config(lock, lease_duration=6, renew_deadline=4, retry_period=1,
    onstarted_leading=lead, onstopped_leading=None)).run()
`;

/** A controller on Kubernetes' own client for Python: leader election, watch, discovery, merge patches. */
export async function python(ground: Ground): Promise<void> {
  const root = debianPackages(ground.cache, 'python', PACKAGES);
  const program = join(ground.folder, 'controller.py');
  writeFileSync(program, CONTROLLER);
  const env = {
    KUBECONFIG: await ground.admin(),
    PYTHONPATH: join(root, 'usr/lib/python3/dist-packages'),
    HOME: ground.folder,
  };
  const inside = '/api/v1/namespaces/default';
  const start = (name: string) => ground.run(`python-${name}`, '/usr/bin/python3', [program, name], { env });
  const leader = async () => {
    const { body } = await ground.send('GET', `${inside}/configmaps/lock`);
    const record = body.metadata?.annotations?.['control-plane.alpha.kubernetes.io/leader'];
    return record && JSON.parse(record).holderIdentity;
  };
  const made = async (name: string) =>
    (await ground.send('GET', `${inside}/configmaps/${name}`)).body.data?.by;
  const first = start('first');
  await ground.eventually('the first leads', async () => (await leader()) === 'first');
  const second = start('second');
  await ground.make(`${inside}/secrets`, { metadata: { name: 'a' } });
  await ground.eventually('it reconciles what it sees', async () => (await made('of-a')) === 'first');
  await ground.end(first, 'SIGKILL');
  await ground.eventually(
    'the second leads when the first is killed',
    async () => (await leader()) === 'second',
  );
  await ground.make(`${inside}/secrets`, { metadata: { name: 'b' } });
  await ground.eventually('it reconciles what there is and what comes', async () =>
    (await Promise.all(['of-a', 'of-b'].map(made))).every((by) => by === 'second'),
  );
  await ground.end(second);
}
