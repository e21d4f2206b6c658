import type { ChildProcess } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../harness/cloud.ts';
import type { Ground } from './ground.ts';
import { debianPackages } from './packages.ts';

const NOBODY = 65534;
const INSIDE = '/api/v1/namespaces/default';
const LABELS = { application: 'patroni', 'cluster-name': 'db' };
const PACKAGES = [
  ...['patroni', 'python3-psycopg2', 'python3-yaml', 'python3-urllib3', 'python3-dateutil', 'python3-six'],
  ...['python3-psutil', 'python3-click', 'python3-prettytable', 'python3-wcwidth', 'python3-cdiff'],
  ...['python3-pkg-resources', 'python3-certifi', 'libpq5'],
];

interface Member {
  name: string;
  process: ChildProcess;
  rest: number;
}

/** Patroni, which keeps PostgreSQL available: leader lock and state in Endpoints, by a client of its own. */
export async function patroni(ground: Ground): Promise<void> {
  const postgres = findPostgres();
  if (postgres === undefined) return ground.check('PostgreSQL is installed (Debian: postgresql)', false);
  const root = debianPackages(ground.cache, 'patroni', PACKAGES);
  const kubeconfig = join(ground.folder, 'kubeconfig');
  chmodSync(ground.server.directory, 0o755);
  copyFileSync(await ground.admin(), kubeconfig);
  chownSync(kubeconfig, NOBODY, NOBODY);
  await ground.make(`${INSIDE}/serviceaccounts`, { metadata: { name: 'default' } });
  const env = {
    KUBECONFIG: kubeconfig,
    PYTHONPATH: join(root, 'usr/lib/python3/dist-packages'),
    LD_LIBRARY_PATH: join(root, 'usr/lib/x86_64-linux-gnu'),
    HOME: ground.folder,
  };
  const start = async (name: string): Promise<Member> => {
    const { file, rest } = await configure(ground, name, postgres);
    await ground.make(`${INSIDE}/pods`, {
      metadata: { name, labels: LABELS },
      spec: { containers: [{ name: 'db', image: 'x' }] },
    });
    const args = [join(root, 'usr/bin/patroni'), file];
    const process = ground.run(`patroni-${name}`, '/usr/bin/python3', args, {
      env,
      uid: NOBODY,
      gid: NOBODY,
    });
    return { name, process, rest };
  };
  const leader = async () =>
    (await ground.send('GET', `${INSIDE}/endpoints/db`)).body.metadata?.annotations?.leader;
  const role = async (name: string) =>
    (await ground.send('GET', `${INSIDE}/pods/${name}`)).body.metadata.labels.role;
  const first = await start('db-0');
  await ground.eventually('the first becomes leader', async () => (await leader()) === 'db-0', 60_000);
  await ground.eventually('its pod is labelled so', async () => (await role('db-0')) === 'master');
  const second = await start('db-1');
  await ground.eventually('the second follows it', async () => (await role('db-1')) === 'replica', 60_000);
  await ground.eventually('the first says that the second streams', async () => {
    const answer = (await (await fetch(`http://127.0.0.1:${first.rest}/cluster`)).json()) as {
      members: { name: string; state: string }[];
    };
    return answer.members.some(({ name, state }) => name === 'db-1' && /running|streaming/.test(state));
  });
  const config = (await ground.send('GET', `${INSIDE}/endpoints/db-config`)).body;
  ground.check(
    'its configuration is kept',
    JSON.parse(config.metadata.annotations.config).ttl === 20,
    config.metadata,
  );
  await ground.end(first.process, 'SIGKILL');
  await ground.eventually(
    'the second leads when the first is killed',
    async () => (await leader()) === 'db-1',
    60_000,
  );
  await ground.eventually('its pod is labelled so', async () => (await role('db-1')) === 'master');
  await ground.end(second.process);
}

async function configure(
  ground: Ground,
  name: string,
  postgres: string,
): Promise<{ file: string; rest: number }> {
  const rest = await freePort();
  const port = await freePort();
  const home = join(ground.folder, name);
  mkdirSync(home, { mode: 0o700 });
  chownSync(home, NOBODY, NOBODY);
  const user = (username: string) => ({ username, password: username });
  const trusted = [
    'local all all trust',
    'host all all 127.0.0.1/32 trust',
    'host replication all 127.0.0.1/32 trust',
  ];
  const file = join(home, 'patroni.yml');
  writeFileSync(
    file,
    JSON.stringify({
      scope: 'db',
      name,
      kubernetes: {
        context: 'test',
        bypass_api_service: false,
        namespace: 'default',
        labels: { application: 'patroni' },
        scope_label: 'cluster-name',
        use_endpoints: true,
        pod_ip: '192.0.2.1',
      },
      restapi: { listen: `127.0.0.1:${rest}`, connect_address: `127.0.0.1:${rest}` },
      bootstrap: {
        dcs: { ttl: 20, loop_wait: 2, retry_timeout: 5, postgresql: { use_pg_rewind: false } },
        initdb: [{ encoding: 'UTF8' }, { auth: 'trust' }, 'no-sync'],
        pg_hba: trusted,
      },
      postgresql: {
        listen: `127.0.0.1:${port}`,
        connect_address: `127.0.0.1:${port}`,
        data_dir: join(home, 'data'),
        bin_dir: postgres,
        pgpass: join(home, 'pgpass'),
        pg_hba: trusted,
        parameters: { unix_socket_directories: home, fsync: 'off' },
        authentication: { superuser: user('postgres'), replication: user('replicator') },
      },
    }),
  );
  chownSync(file, NOBODY, NOBODY);
  return { file, rest };
}

function findPostgres(): string | undefined {
  const all = '/usr/lib/postgresql';
  if (!existsSync(all)) return undefined;
  return readdirSync(all)
    .map((version) => join(all, version, 'bin'))
    .find((folder) => existsSync(join(folder, 'initdb')));
}
