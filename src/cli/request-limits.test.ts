import { expect, test } from 'vitest';
import { requestLimitArguments, resolveAudit, resolveRequestLimits } from './request-limits.ts';

test('limits are given in kube-apiserver’s words, and given on as they were', () => {
  expect(resolveRequestLimits({})).toEqual({ limits: {} });
  const { limits } = resolveRequestLimits({
    maxRequestsInflight: '10',
    enablePriorityAndFairness: 'false',
    requestTimeout: '1m30s',
    minRequestTimeout: '60',
    goawayChance: '0.01',
    logicalClusterTotalObjectLimit: '60',
  });
  expect(limits).toEqual({
    maxRequestsInflight: 10,
    enablePriorityAndFairness: false,
    requestTimeoutMs: 90_000,
    minRequestTimeoutMs: 60_000,
    goawayChance: 0.01,
    logicalClusterTotalObjectLimit: 60,
  });
  expect(requestLimitArguments({ limits })).toEqual([
    ...['--max-requests-inflight', '10'],
    ...['--enable-priority-and-fairness', 'false'],
    ...['--request-timeout', '90000ms'],
    ...['--min-request-timeout', '60'],
    ...['--goaway-chance', '0.01'],
    ...['--logical-cluster-total-object-limit', '60'],
  ]);
});

test.each([
  [{ maxRequestsInflight: '-1' }, '--max-requests-inflight "-1"'],
  [{ enablePriorityAndFairness: 'maybe' }, '--enable-priority-and-fairness "maybe"'],
  [{ goawayChance: '0.5' }, '--goaway-chance "0.5"'],
  [{ requestTimeout: 'soon' }, '--request-timeout "soon"'],
  [{ maxRequestsInflight: '0', maxMutatingRequestsInflight: '0' }, 'must not both be 0'],
])('refuses %o', (flags, why) => {
  expect(() => resolveRequestLimits(flags)).toThrow(why);
});

test('the audit log has the limits it is given; what is not supported is refused by name', () => {
  const files = { auditPolicyFile: '/p.yaml', auditLogPath: '-' };
  const { audit } = resolveAudit({ ...files, auditLogMaxsize: '5', auditLogMode: 'blocking' }, {});
  expect(audit).toEqual({
    policyFile: '/p.yaml',
    logFile: '-',
    limits: { maxBytes: 5 * 1024 * 1024 },
    mode: 'blocking',
  });
  expect(requestLimitArguments({ limits: {}, audit: audit! })).toContain('--audit-log-maxsize');
  expect(() => resolveAudit({ ...files, auditLogFormat: 'legacy' }, {})).toThrow(
    '--audit-log-format "legacy"',
  );
  expect(() => resolveAudit({ auditLogPath: '-' }, {})).toThrow('need each other');
});
