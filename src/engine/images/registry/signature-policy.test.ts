import { expect, test } from 'vitest';
import { checkPolicy } from './signature-policy.ts';

const accept = [{ type: 'insecureAcceptAnything' }];
const reject = [{ type: 'reject' }];
const policy = {
  default: reject,
  transports: {
    docker: {
      'quay.io/team': accept,
      'quay.io/team/secret': reject,
      '*.example.test': accept,
      'signed.test': [{ type: 'signedBy', keyPath: '/k' }],
    },
  },
};

test.each([
  ['quay.io/team/app:1', true],
  ['quay.io/team/secret:1', false],
  ['quay.io/teams:1', false],
  ['a.example.test/x@sha256:00', true],
  ['a.example.test:5000/x:1', true],
  ['example.test/x:1', false],
  ['docker.io/library/x:1', false],
])('%s is let in: %s', (name, isLetIn) => {
  const check = () => checkPolicy(policy, 'docker', name);
  if (isLetIn) expect(check).not.toThrow();
  else expect(check).toThrow('rejected by policy');
});

test('a policy that wants a signature refuses by name, since none is verified', () => {
  expect(() => checkPolicy(policy, 'docker', 'signed.test/x:1')).toThrow(
    'wants signedBy, which is not supported',
  );
});
