import { describe, expect, test } from 'vitest';
import { type AuditAttributes, decideAudit, parseAuditPolicy } from './audit-policy.ts';

const policyOf = (rules: object[], more: object = {}) =>
  parseAuditPolicy(JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules, ...more }));

function asking(resource: Partial<NonNullable<AuditAttributes['resource']>>, verb = 'get'): AuditAttributes {
  return {
    user: { name: 'alice', groups: ['dev'] },
    verb,
    path: '/x',
    resource: {
      group: '',
      name: 'pods',
      subresource: '',
      namespace: 'default',
      objectName: 'a',
      ...resource,
    },
  };
}

describe('the first rule that matches decides', () => {
  test.each([
    ['a user', { users: ['bob'] }, asking({}), 'None'],
    ['a group', { userGroups: ['dev'] }, asking({}), 'Request'],
    ['a verb', { verbs: ['watch'] }, asking({}), 'None'],
    ['a namespace', { namespaces: ['default'] }, asking({}), 'Request'],
    ['no namespace', { namespaces: [''] }, asking({ name: 'nodes', namespace: '' }), 'Request'],
    ['a resource', { resources: [{ resources: ['pods'] }] }, asking({}), 'Request'],
    ['not its subresource', { resources: [{ resources: ['pods'] }] }, asking({ subresource: 'log' }), 'None'],
    [
      'a subresource',
      { resources: [{ resources: ['pods/log'] }] },
      asking({ subresource: 'log' }),
      'Request',
    ],
    [
      'any subresource',
      { resources: [{ resources: ['pods/*'] }] },
      asking({ subresource: 'log' }),
      'Request',
    ],
    ['of any', { resources: [{ resources: ['*/log'] }] }, asking({ subresource: 'log' }), 'Request'],
    ['a group of resources', { resources: [{ group: 'apps' }] }, asking({}), 'None'],
    ['names', { resources: [{ resources: ['pods'], resourceNames: ['b'] }] }, asking({}), 'None'],
    ['a path', { nonResourceURLs: ['/x'] }, asking({}), 'None'],
  ])('%s', async (_what, rule, attributes, level) => {
    expect(decideAudit(await policyOf([{ level: 'Request', ...rule }]), attributes).level).toBe(level);
  });

  test('a path by its beginning', async () => {
    const policy = await policyOf([{ level: 'Metadata', nonResourceURLs: ['/healthz*'] }]);
    const { resource: _none, ...attributes } = asking({});
    expect(decideAudit(policy, { ...attributes, path: '/healthz/etcd' }).level).toBe('Metadata');
    expect(decideAudit(policy, attributes).level).toBe('None');
  });

  test('with stages of the policy and its own', async () => {
    const policy = await policyOf([{ level: 'Metadata', omitStages: ['ResponseStarted'] }], {
      omitStages: ['RequestReceived'],
    });
    expect([...decideAudit(policy, asking({})).omitStages]).toEqual(['RequestReceived', 'ResponseStarted']);
  });
});

test('a rule for everything does not write Secrets and tokens, one that names Secrets does write those', async () => {
  const everything = await policyOf([{ level: 'RequestResponse' }]);
  const named = await policyOf([
    { level: 'RequestResponse', resources: [{ resources: ['secrets', 'serviceaccounts/token'] }] },
  ]);
  const token = { name: 'serviceaccounts', subresource: 'token' };
  expect(decideAudit(everything, asking({})).level).toBe('RequestResponse');
  expect(decideAudit(everything, asking({ name: 'secrets' })).level).toBe('Metadata');
  expect(decideAudit(named, asking({ name: 'secrets' })).level).toBe('RequestResponse');
  for (const policy of [everything, named]) expect(decideAudit(policy, asking(token)).level).toBe('Metadata');
});

test.each([
  [{ rules: [] }, "the audit policy's rules must hold a rule"],
  [{ rules: [{ level: 'All' }] }, 'rules[0].level must be one of None, Metadata, Request, RequestResponse'],
  [{ rules: [{ level: 'None', user: ['a'] }] }, 'rules[0].user is not a known field'],
  [{ rules: [{ level: 'None' }], omitStages: ['Start'] }, 'omitStages must be of RequestReceived'],
  [
    { rules: [{ level: 'None', nonResourceURLs: ['/a*b'] }] },
    'must begin with "/" and have "*" only at its end',
  ],
  [
    { rules: [{ level: 'None', nonResourceURLs: ['/a'], namespaces: ['b'] }] },
    'rules cannot apply to both regular resources and non-resource URLs',
  ],
  [{ apiVersion: 'audit.k8s.io/v1beta1', rules: [] }, 'apiVersion must be audit.k8s.io/v1'],
])('%j is refused', async (policy, message) => {
  await expect(
    parseAuditPolicy(JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', ...policy })),
  ).rejects.toThrow(message);
});
