import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cloud, createCloud, eventually, whyNoContainers } from '../harness/cloud.ts';
import { PASSWORD, type Registry, startRegistry, USER } from '../harness/registry.ts';

const reason = whyNoContainers();

describe.skipIf(reason !== undefined)(
  `pods of images in a registry${reason === undefined ? '' : ` (skipped: ${reason})`}`,
  () => {
    let cloud: Cloud;
    let registry: Registry;
    let image: string;

    beforeAll(async () => {
      registry = await startRegistry('basic');
      image = `${registry.host}/team/shell:1`;
      cloud = await createCloud();
      await cloud.up();
      // It is in the registry alone: the cloud has it only when it pulls it.
      await cloud.orrery('image', 'pack', 'local/shell', '/bin/sh', '/bin/sleep');
      const creds = ['--creds', `${USER}:${PASSWORD}`, '--tls-verify=false'];
      await cloud.orrery('push', ...creds, 'local/shell', `docker://${image}`);
      await cloud.orrery('rmi', 'local/shell');
    });
    afterAll(async () => {
      await cloud?.destroy();
      await registry?.stop();
    });

    const secret = (name: string, password: string) =>
      cloud.kubectl(
        ...['create', 'secret', 'docker-registry', name, `--docker-server=${registry.host}`],
        ...[`--docker-username=${USER}`, `--docker-password=${password}`],
      );
    const pod = (name: string, spec: object) =>
      cloud.kubectlWith(
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name },
          spec: {
            terminationGracePeriodSeconds: 0,
            containers: [{ name: 'c', image, command: ['sh', '-c', 'exec sleep 1000'] }],
            ...spec,
          },
        }),
        ...['create', '-f', '-'],
      );
    const until = (name: string, jsonpath: string, wanted: RegExp, timeoutMs?: number) =>
      eventually(
        `${name} ${jsonpath} is ${wanted}`,
        async () => {
          const value = await cloud.kubectl('get', 'pod', name, '-o', `jsonpath=${jsonpath}`);
          return wanted.test(value) ? value : undefined;
        },
        timeoutMs,
      );
    const events = (name: string) =>
      cloud.kubectl(
        ...['get', 'events', '--field-selector', `involvedObject.name=${name}`, '-o'],
        'jsonpath={range .items[*]}{.type} {.reason}: {.message}{"\\n"}{end}',
      );
    const waiting = '{.status.containerStatuses[0].state.waiting.reason}';

    test('a wrong password is told, waited with, and runs when it is put right', {
      timeout: 90_000,
    }, async () => {
      await secret('wrong', 'guessed');
      await pod('wrong', { imagePullSecrets: [{ name: 'wrong' }] });
      await until('wrong', waiting, /^(?:ErrImagePull|ImagePullBackOff)$/);
      await until('wrong', waiting, /^ImagePullBackOff$/);
      const told = await eventually('the events are there', async () => {
        const text = await events('wrong');
        return text.includes('Error: ImagePullBackOff') ? text : undefined;
      });
      expect(told).toContain(`Normal Pulling: Pulling image "${image}"`);
      expect(told).toContain(`Warning Failed: Failed to pull image "${image}"`);
      expect(told).toContain('Warning Failed: Error: ErrImagePull');
      expect(told).toContain(`Normal BackOff: Back-off pulling image "${image}"`);
      expect(told).not.toContain('guessed');

      await cloud.kubectl('delete', 'secret', 'wrong');
      await secret('wrong', PASSWORD);
      await until('wrong', '{.status.phase}', /^Running$/, 60_000);
      await cloud.kubectl('delete', 'pod', 'wrong', '--now');
      await cloud.orrery('rmi', image);
    });

    test('its secret opens the registry, and the events tell of it', async () => {
      await secret('right', PASSWORD);
      await pod('right', { imagePullSecrets: [{ name: 'right' }] });
      await until('right', '{.status.phase}', /^Running$/);
      const told = await eventually('the events are there', async () => {
        const text = await events('right');
        return text.includes('Started') ? text : undefined;
      });
      expect(told).toContain(`Normal Pulling: Pulling image "${image}"`);
      expect(told).toMatch(/Normal Pulled: Successfully pulled image "\S+" in \S+ \(\S+ including waiting\)/);
      expect(
        await cloud.kubectl('get', 'pod', 'right', '-o', 'jsonpath={.status.containerStatuses[0].imageID}'),
      ).toMatch(/sha256:[0-9a-f]{64}/);
    });
  },
);
