import { expect, test } from 'vitest';
import { pluginName } from './plugin-name.ts';

test.each([
  ['/usr/local/bin/kubectl-ws', 'kubectl-ws'],
  ['/usr/local/bin/kubectl-workspace', 'kubectl-ws'],
  ['kubectl-create_workspace', 'kubectl-create-workspace'],
  ['kubectl-create-workspace', 'kubectl-create-workspace'],
  ['/x/kubectl-kcp', 'kubectl-kcp'],
  ['/usr/local/bin/orrery', undefined],
  ['/dist/orrery.mjs', undefined],
  ['/x/constructor', undefined],
])('%s is %s', (script, name) => {
  expect(pluginName(script)).toBe(name);
});
