import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findDebianProgram } from '../harness/debian-program.ts';
import { startRegistry } from '../harness/registry.ts';
import { TEST_IMAGE, writeTestImage } from './test-image.ts';

const execute = promisify(execFile);

/** Tags of the test image that the tests pull beside the one they begin with. */
const OTHER_TAGS = ['00000004', 'multiimage', '20210610'];
/** What the tests take for small images of others. */
const ALSO_CALLED = ['quay.io/libpod/alpine:latest', 'quay.io/libpod/busybox:latest', 'k8s.gcr.io/pause:3.5'];
/** Its own registry image, which `podman login`'s tests run. */
const REGISTRY_IMAGE = 'quay.io/libpod/registry:2.8';
const REGISTRY_CONFIG = {
  version: 0.1,
  storage: { filesystem: { rootdirectory: '/var/lib/registry' } },
  http: { addr: ':5000' },
};

export interface Mirror {
  /** A registries.conf in which those registries are found here. */
  registriesConf: string;
  stop(): Promise<void>;
}

/** A registry on loopback that has what the tests pull from quay.io, made here: no test needs the internet for it. */
export async function startMirror(options: {
  podman: string;
  cache: string;
  busybox: string;
  environment: NodeJS.ProcessEnv;
}): Promise<Mirror> {
  const { podman, cache, busybox, environment } = options;
  const registry = await startRegistry();
  const root = join(cache, 'mirror-root');
  // Not synchronous: this process reads what the registry says, which would wait for it.
  const run = (...args: string[]) => execute(podman, ['--root', root, ...args], { env: environment });
  try {
    mkdirSync(root, { recursive: true });
    const [repository, ownTag] = TEST_IMAGE.split(':') as [string, string];
    // Each another image: who removes one by its id removes no other.
    const own = ALSO_CALLED.map((_name, at) => `other-${at}`);
    for (const tag of [ownTag, ...OTHER_TAGS, ...own]) {
      const file = join(cache, `testimage-${tag}.tar`);
      await writeTestImage(busybox, file, tag);
      await run('load', '-q', '-i', file);
    }
    for (const [at, name] of ALSO_CALLED.entries()) await run('tag', `${repository}:${own[at]}`, name);
    const program = await findDebianProgram('docker-registry', 'docker-registry');
    writeFileSync(join(root, 'config.yml'), JSON.stringify(REGISTRY_CONFIG));
    await run(
      ...['image', 'pack', '--file', `${join(root, 'config.yml')}:/etc/docker/registry/config.yml`],
      ...['--cmd', '["serve", "/etc/docker/registry/config.yml"]', '--expose', '5000/tcp'],
      ...[REGISTRY_IMAGE, program],
    );
    const tags = OTHER_TAGS.map((tag) => `${repository}:${tag}`);
    for (const name of [TEST_IMAGE, ...tags, ...ALSO_CALLED, REGISTRY_IMAGE])
      await run('push', '-q', '--tls-verify=false', name, `docker://${registry.host}/${name}`);
    const registriesConf = join(cache, 'registries.conf');
    const found = ['quay.io', 'k8s.gcr.io'].map(
      (name) => `[[registry]]\nprefix = "${name}"\nlocation = "${registry.host}/${name}"\ninsecure = true\n`,
    );
    writeFileSync(registriesConf, `unqualified-search-registries = ["quay.io"]\n${found.join('')}`);
    return { registriesConf, stop: () => registry.stop() };
  } catch (error) {
    await registry.stop();
    throw error;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
