import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { whyNotHere } from '../e2e/engine-fixture.ts';
import { findDockerCompose, onPath } from '../harness/debian-packages.ts';
import { type DockerApiFixture, IMAGE, startDockerApi } from './docker-api-fixture.ts';

const why = (await whyNotHere()) || (onPath('python3') === undefined ? '(no python3)' : '');
const COMMAND_MS = 90_000;

/** A server of one file, and one that starts when the first is healthy and reads the file over the network. */
const PROJECT = `
version: '2.4'
services:
  web:
    build: .
    command: sh -c 'cat /note > /data/note; sleep 1000'
    environment:
      WORD: spoken
    ports: ["127.0.0.1::80"]
    networks: [inner]
    volumes: ["kept:/data"]
    stop_grace_period: 0s
    healthcheck:
      test: ["CMD", "cat", "/data/note"]
      interval: 1s
      retries: 10
  reader:
    image: ${IMAGE}
    depends_on:
      web:
        condition: service_healthy
    command: sh -c 'cat /data/note /etc/resolv.conf; sleep 1000'
    networks: [inner]
    volumes: ["kept:/data:ro"]
    stop_grace_period: 0s
networks:
  inner: {}
volumes:
  kept: {}
`;

describe.skipIf(why !== '')(`the real docker-compose ${why}`, () => {
  let api: DockerApiFixture;
  let work: string;
  let compose: (...args: string[]) => Promise<string>;

  beforeAll(async () => {
    const [started, { command, environment }] = await Promise.all([startDockerApi(), findDockerCompose()]);
    api = started;
    work = await mkdtemp(join(tmpdir(), 'orrery-docker-compose-'));
    const project = join(work, 'shop');
    await mkdir(project);
    await writeFile(join(project, 'Dockerfile'), `FROM ${IMAGE}\nCOPY note /note\nEXPOSE 80\n`);
    await writeFile(join(project, 'note'), 'from the build\n');
    await writeFile(join(project, 'docker-compose.yml'), PROJECT);
    const env = {
      ...{ PATH: process.env.PATH, HOME: work, DOCKER_BUILDKIT: '0', COMPOSE_DOCKER_CLI_BUILD: '0' },
      ...{ DOCKER_HOST: `unix://${api.socket}`, ...environment },
    };
    const [program, ...first] = command as [string, ...string[]];
    compose = (...args) =>
      new Promise((resolve, reject) => {
        const child = execFile(
          program,
          [...first, ...args],
          { env, cwd: project, timeout: COMMAND_MS, killSignal: 'SIGKILL' },
          (error, out, err) =>
            error === null ? resolve(out) : reject(new Error(`${args.join(' ')}: ${out}${err}`)),
        );
        child.stdin!.end();
      });
  });
  afterAll(async () => {
    await api?.stop();
    if (work !== undefined) await rm(work, { recursive: true, force: true });
  });

  test('a project is built, begins in order, is looked at, begins anew and leaves nothing', async () => {
    await compose('up', '-d');
    const { containers, networks, volumes } = api.libpod;
    const running = await containers.list();
    expect(running.map(({ image }) => image).sort()).toEqual([
      `docker.io/library/${IMAGE}:latest`,
      'docker.io/library/shop_web:latest',
    ]);
    expect(await compose('ps')).toMatch(/web\S*1 .*\(healthy\).*127\.0\.0\.1:[1-9]\d+->80\/tcp/);
    expect(await compose('logs', 'reader')).toContain('from the build');
    expect(await compose('exec', '-T', 'web', 'sh', '-c', 'echo $WORD')).toBe('spoken\n');
    expect(await compose('port', 'web', '80')).toMatch(/^127\.0\.0\.1:[1-9]\d+\n$/);
    expect(await compose('top', 'reader')).toContain('sleep 1000');

    // Nothing has changed, so nothing is made again.
    await compose('up', '-d');
    expect((await containers.list()).map(({ id }) => id).sort()).toEqual(running.map(({ id }) => id).sort());
    await compose('stop', 'reader');
    expect(await containers.list()).toHaveLength(1);
    await compose('start', 'reader');
    expect(await containers.list()).toHaveLength(2);

    await compose('down', '-v');
    expect(await containers.list({ all: true })).toEqual([]);
    expect((await networks.list()).map(({ Name }) => Name)).toEqual(['podman']);
    expect(await volumes.list()).toEqual([]);
  });
});
