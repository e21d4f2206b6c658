import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseCertificateRequest } from './certificate-request.ts';
import { requests } from './requests.test-data.ts';

const pemOf = (encoded: string) => Buffer.from(encoded, 'base64').toString();

test('reads the subject and the alternative names', () => {
  expect(parseCertificateRequest(pemOf(requests.kubeletServing))).toMatchObject({
    commonName: 'system:node:n1',
    organizations: ['system:nodes'],
    dnsNames: ['n1'],
    ipAddresses: ['192.0.2.7', '2001:db8::1'],
    emailAddresses: [],
    uris: [],
  });
  expect(parseCertificateRequest(pemOf(requests.rsa))).toMatchObject({ commonName: 'bob', dnsNames: [] });
});

test('a request whose signature is not of its own key is refused', () => {
  const der = Buffer.from(pemOf(requests.kubeletClient).replace(/-----[^-]+-----|\s/g, ''), 'base64');
  // A letter of the common name.
  der[der.indexOf('system:node:n1') + 13] = 'x'.charCodeAt(0);
  const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  expect(() => parseCertificateRequest(pem)).toThrow('signature');
});

test('what is no request is refused in words, whatever it is', () => {
  expect(() => parseCertificateRequest('')).toThrow('PEM block type must be CERTIFICATE REQUEST');
  const whole = Buffer.from(pemOf(requests.kubeletServing).replace(/-----[^-]+-----|\s/g, ''), 'base64');
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
      const der = Buffer.from(whole);
      fc.pre(der[at] !== byte);
      der[at] = byte;
      const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
      expect(() => parseCertificateRequest(pem)).toThrow(/^(asn1|x509): /);
    }),
    { seed: 7 },
  );
});
