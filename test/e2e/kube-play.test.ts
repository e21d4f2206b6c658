import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Tool } from './libpod-fixture.ts';

let tool: Tool;
const isRoot = process.geteuid?.() === 0;
beforeAll(async () => {
  if (isRoot) tool = await Tool.open();
});
afterAll(async () => await tool?.close());

const POD = `
apiVersion: v1
kind: Pod
metadata: {name: test_pod, labels: {app: test}}
spec:
  containers:
  - name: test
    image: localhost/box
    command: [busybox, sleep, "100"]
    env: [{name: COLOUR, valueFrom: {configMapKeyRef: {name: cm, key: colour}}}]
    securityContext: {runAsUser: 1000, runAsGroup: 3000}
    volumeMounts: [{name: files, mountPath: "/files:z"}]
  volumes: [{name: files, configMap: {name: cm}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cm}
data: {colour: red}
`;

test.runIf(isRoot)('a pod is played with its ConfigMap, generated again and taken down', async () => {
  const path = join(tool.root, 'pod.yaml');
  await writeFile(path, POD);
  const printed = await tool.ok('kube', 'play', '--network', 'none', path);
  expect(printed).toMatch(/^Pod:\n[0-9a-f]{64}\nContainer:\n[0-9a-f]{64}$/);
  const seen = await tool.ok(
    'exec',
    'test_pod-test',
    'busybox',
    'sh',
    '-c',
    'echo $COLOUR; busybox id -u; busybox cat /files/colour',
  );
  expect(seen).toBe('red\n1000\nred');
  expect(await tool.ok('pod', 'inspect', 'test_pod', '--format', '{{.ExitPolicy}}')).toBe('stop');
  const yaml = await tool.ok('kube', 'generate', 'test_pod');
  expect(yaml).toContain('# Save the output of this file and use kubectl create -f to import');
  expect(yaml).toContain('runAsUser: 1000');
  expect(await tool.ok('kube', 'down', path)).toMatch(/^Pods stopped:\n[0-9a-f]{64}\nPods removed:\n/);
  expect(await tool.ok('volume', 'ls', '-q')).toBe('');
});

test.runIf(isRoot)('what cannot be honoured is refused by its field, before anything is made', async () => {
  const path = join(tool.root, 'bad.yaml');
  await writeFile(path, POD.replace('    env:', '    startupProbe: {exec: {command: ["true"]}}\n    env:'));
  const { code, stderr } = await tool.run('kube', 'play', path);
  expect(code).toBe(125);
  expect(stderr).toContain('spec.containers[0].startupProbe is not supported');
  expect(await tool.ok('pod', 'ps', '-q')).toBe('');
});
