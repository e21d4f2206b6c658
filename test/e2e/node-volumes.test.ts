import { chmod, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES } from '../../src/client/index.ts';
import type { corev1 } from '../../src/kube/index.ts';
import { whyNotHere } from './engine-fixture.ts';
import { NODE_NAME, type NodeFixture, shell, startNodeFixture } from './node-fixture.ts';

type Claim = corev1.PersistentVolumeClaim;
type Volume = corev1.PersistentVolume;

const missing = await whyNotHere();
const forever = 'trap "exit 0" TERM; while true; do sleep 0.05; done';
const resources = { requests: { storage: '1Gi' } };

describe.skipIf(missing !== '')(`claims on a real node${missing && ` (skipped: ${missing})`}`, () => {
  let cloud: NodeFixture;
  beforeAll(async () => {
    cloud = await startNodeFixture();
  });
  afterAll(async () => {
    await cloud.dispose();
  });

  const storage = () => join(cloud.directory, 'storage');

  /** A claim as the scheduler leaves it once it has chosen this node. */
  async function claim(name: string, spec: Partial<corev1.PersistentVolumeClaimSpec> = {}): Promise<Claim> {
    const claims = cloud.client.resource<Claim>(PERSISTENT_VOLUME_CLAIMS);
    await claims.create({
      metadata: {
        name,
        namespace: 'default',
        annotations: { 'volume.kubernetes.io/selected-node': NODE_NAME },
      },
      spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'local-path', resources, ...spec },
    });
    return await expect
      .poll(() => claims.get(name, 'default'), { timeout: 10_000 })
      .toMatchObject({ status: { phase: 'Bound' } })
      .then(() => claims.get(name, 'default'));
  }

  function makeVolume(name: string, source: Partial<corev1.PersistentVolumeSpec>, host = NODE_NAME) {
    const required = {
      nodeSelectorTerms: [
        { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [host] }] },
      ],
    };
    return cloud.client.resource<Volume>(PERSISTENT_VOLUMES).create({
      metadata: { name },
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'by-hand',
        nodeAffinity: { required },
        ...source,
      } as unknown as corev1.PersistentVolumeSpec,
    });
  }

  function using(
    claimName: string,
    mount: Partial<corev1.VolumeMount> = {},
  ): Partial<corev1.PodSpec> & {
    containers: corev1.Container[];
  } {
    return {
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }] as unknown as corev1.Volume[],
      containers: [shell('a', forever, { volumeMounts: [{ name: 'data', mountPath: '/data', ...mount }] })],
    };
  }

  async function drop(name: string): Promise<void> {
    await cloud.remove(name, 0);
    await cloud.untilGone(name);
  }

  test('what a pod wrote is there for the next one, and is removed with the claim', async () => {
    const { metadata } = await claim('kept');
    await cloud.run('writer', { ...using('kept'), securityContext: { runAsUser: 1000 } });
    await cloud.untilReady('writer');
    await cloud.exec('writer', 'echo hello > /data/file; touch /data/more');
    await drop('writer');
    await cloud.run('reader', using('kept', { subPath: 'below' }));
    await cloud.untilReady('reader');
    expect(await cloud.exec('reader', 'touch /data/inner; ls /data')).toBe('inner');
    await drop('reader');
    await cloud.run('second', using('kept'));
    await cloud.untilReady('second');
    expect(await cloud.exec('second', 'cat /data/file; ls /data')).toBe('hello\nbelow\nfile\nmore');
    const folder = `pvc-${metadata.uid}_default_kept`;
    expect(await readdir(storage())).toContain(folder);
    expect((await stat(storage())).mode & 0o777).toBe(0o700);
    await cloud.client.resource(PERSISTENT_VOLUME_CLAIMS).delete('kept', { namespace: 'default' });
    // Somebody uses it: it stays, data and all.
    expect(await cloud.exec('second', 'cat /data/file')).toBe('hello');
    await drop('second');
    await expect.poll(() => readdir(storage()), { timeout: 10_000 }).not.toContain(folder);
    const volumes = cloud.client.resource<Volume>(PERSISTENT_VOLUMES);
    await expect
      .poll(async () => (await volumes.list()).items.map((one) => one.metadata.name), { timeout: 10_000 })
      .not.toContain(`pvc-${metadata.uid}`);
  });

  test('a pod starts again on its volume while the API server is away', async () => {
    await claim('steady');
    await cloud.run('steady', {
      ...using('steady'),
      containers: [
        shell('a', 'echo again >> /data/log; trap "exit 0" TERM; while true; do sleep 0.05; done', {
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
        }),
      ],
    });
    await cloud.untilReady('steady');
    cloud.cutOff(true);
    const found = cloud.node.pods.find('default', 'steady')!.containers[0]!;
    await cloud.engine.kill(found.engineId!, 'SIGKILL');
    await expect
      .poll(
        () =>
          cloud.node.pods
            .find('default', 'steady')!
            .containers.some(({ state, engineId }) => state === 'running' && engineId !== found.engineId),
        { timeout: 20_000 },
      )
      .toBe(true);
    expect(await cloud.exec('steady', 'cat /data/log')).toBe('again\nagain');
    cloud.cutOff(false);
    await drop('steady');
  });

  test('a claim that is not bound, or not there, keeps the pod waiting and says so', async () => {
    await cloud.run('lost', using('nowhere'));
    await cloud.untilEvent(
      'lost',
      'error processing PVC default/nowhere: failed to fetch PVC from API server: persistentvolumeclaims "nowhere" not found',
    );
    await cloud.client.resource<Claim>(PERSISTENT_VOLUME_CLAIMS).create({
      metadata: { name: 'open', namespace: 'default' },
      spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'by-hand', resources },
    });
    await cloud.run('early', using('open'));
    await cloud.untilEvent('early', 'error processing PVC default/open: PVC is not bound');
    await makeVolume('late', {
      hostPath: { path: join(cloud.directory, 'late'), type: 'DirectoryOrCreate' },
    });
    await cloud.untilReady('early');
    await drop('early');
    await drop('lost');
  });

  test('a local volume: given to the group of the pod, links left alone; on another node refused', async () => {
    const path = join(cloud.directory, 'disk');
    await mkdir(join(path, 'sub'), { recursive: true });
    await writeFile(join(path, 'sub', 'file'), 'content', { mode: 0o600 });
    const outside = join(cloud.directory, 'outside');
    await writeFile(outside, 'secret', { mode: 0o600 });
    await chmod(outside, 0o600);
    await symlink(outside, join(path, 'link'));
    await makeVolume('disk', { local: { path } });
    await claim('disk', { storageClassName: 'by-hand', volumeName: 'disk' });
    await cloud.run('group', { ...using('disk'), securityContext: { runAsUser: 1000, fsGroup: 3000 } });
    await cloud.untilReady('group');
    expect(
      await cloud.exec('group', 'cat /data/sub/file; touch /data/sub/new; stat -c %g /data/sub/new'),
    ).toBe('content3000');
    expect(await stat(outside)).toMatchObject({ gid: 0 });
    await drop('group');
    await makeVolume('far', { local: { path } }, 'mars');
    await claim('far', { storageClassName: 'by-hand', volumeName: 'far' });
    await cloud.run('far', using('far'));
    await cloud.untilEvent(
      'far',
      'MountVolume.NodeAffinity check failed for volume "far" : no matching NodeSelectorTerms',
    );
    await drop('far');
  });

  test('kinds of volumes that this node does not mount are refused by name', async () => {
    await makeVolume('nfs', { nfs: { server: 'nowhere', path: '/' } });
    await claim('nfs', { storageClassName: 'by-hand', volumeName: 'nfs' });
    await cloud.run('nfs', using('nfs'));
    await cloud.untilEvent(
      'nfs',
      'MountVolume.SetUp failed for volume "nfs" : persistent volume source nfs is not supported by this node',
    );
    await drop('nfs');
  });

  test('a read-only claim cannot be written to', async () => {
    await claim('fixed');
    await cloud.run('fixed', {
      volumes: [
        { name: 'data', persistentVolumeClaim: { claimName: 'fixed', readOnly: true } },
      ] as unknown as corev1.Volume[],
      containers: [shell('a', forever, { volumeMounts: [{ name: 'data', mountPath: '/data' }] })],
    });
    await cloud.untilReady('fixed');
    expect(await cloud.exec('fixed', 'touch /data/x')).toContain('Read-only file system');
    await drop('fixed');
  });
});
