/** rbac: what rules allow, cover and say; pure functions over rbac.authorization.k8s.io/v1 objects. */
export { aggregatedRules, hasRules } from './aggregation.ts';
export { missingRules } from './rule-cover.ts';
export { type RuleRequest, ruleAllows } from './rule-matching.ts';
export { describeRules, quotedList } from './rule-text.ts';
export { describeSubject, RBAC_GROUP, SERVICE_ACCOUNT_PREFIX, subjectKey, userKeys } from './subjects.ts';
