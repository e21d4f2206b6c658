export { quotaMatches } from './quota-scopes.ts';
export { type QuotaSubject, quotaConstraint, quotaSubject, quotaUsage } from './quota-usage.ts';
