import { expect, test } from 'vitest';
import { readKubeconfig } from './kubeconfig.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const kubeconfig = (user: string) => `
apiVersion: v1
kind: Config
current-context: here
contexts: [{ name: here, context: { cluster: c, user: u } }]
clusters:
  - name: c
    cluster: { server: 'https://127.0.0.1:6443', certificate-authority-data: ${base64('CA')} }
users:
  - name: u
    user: ${user}
`;

test('reads the certificates of the current context', async () => {
  const text = kubeconfig(
    `{ client-certificate-data: ${base64('CERT')}, client-key-data: ${base64('KEY')} }`,
  );
  expect(await readKubeconfig(text)).toEqual({
    server: 'https://127.0.0.1:6443',
    caPem: 'CA',
    certPem: 'CERT',
    keyPem: 'KEY',
  });
});

test('reads named files only when told how', async () => {
  const text = kubeconfig('{ client-certificate: /c.pem, client-key: /k.pem }');
  expect(await readKubeconfig(text, { readFile: (path) => `content of ${path}` })).toMatchObject({
    certPem: 'content of /c.pem',
  });
  await expect(readKubeconfig(text)).rejects.toThrow('client-certificate names a file');
});

test('refuses by name what it cannot do', async () => {
  await expect(readKubeconfig(kubeconfig('{ exec: { command: aws } }'))).rejects.toThrow(
    'exec is not supported',
  );
  await expect(readKubeconfig('a: [')).rejects.toThrow('not YAML');
  await expect(readKubeconfig('clusters: []')).rejects.toThrow('current-context is not set');
  await expect(readKubeconfig(kubeconfig('{}'), { context: 'there' })).rejects.toThrow(
    'no context is named "there"',
  );
});
