import { expect, test } from 'vitest';
import { credentialOf, readExec } from './exec-credential.ts';

const apiVersion = 'client.authentication.k8s.io/v1';
const config = { command: 'login', apiVersion };
const answer = (status: object, version = apiVersion) =>
  JSON.stringify({ apiVersion: version, kind: 'ExecCredential', status });

test('a token, or a certificate with its key, is a user of a kubeconfig', () => {
  expect(credentialOf(answer({ token: 't' }), config)).toEqual({ token: 't' });
  expect(credentialOf(answer({ clientCertificateData: 'C', clientKeyData: 'K' }), config)).toEqual({
    'client-certificate-data': 'Qw==',
    'client-key-data': 'Sw==',
  });
});

test.each([
  ['s3cret', 'did not print JSON'],
  ['{}', 'did not print an ExecCredential'],
  [answer({ token: 's3cret' }, 'client.authentication.k8s.io/v1beta1'), 'it returned version'],
  [answer({}), "didn't return a token or cert/key pair"],
  [answer({ clientCertificateData: 's3cret' }), 'returned only certificate or key, not both'],
])('refuses %j, without a word of what it says', (text, message) => {
  expect(() => credentialOf(text, config)).toThrow(message);
  expect(() => credentialOf(text, config)).not.toThrow(/s3cret/);
});

test('what is malformed is refused by name', () => {
  expect(() => readExec({ apiVersion })).toThrow('exec: command must be specified');
  expect(() => readExec({ command: 'x', apiVersion: 'v1' })).toThrow('apiVersion "v1" is not one of');
  expect(readExec({ command: 'x', apiVersion })).toMatchObject({ args: [], interactiveMode: 'IfAvailable' });
});
