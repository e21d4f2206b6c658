import { basename } from 'node:path';

/** Programs of kcp that a link to ours stands for: kubectl finds them by these names. */
export type PluginName = 'kubectl-ws' | 'kubectl-create-workspace' | 'kubectl-kcp';

const NAMES: Readonly<Record<string, PluginName>> = {
  'kubectl-ws': 'kubectl-ws',
  'kubectl-workspace': 'kubectl-ws',
  'kubectl-workspaces': 'kubectl-ws',
  'kubectl-create-workspace': 'kubectl-create-workspace',
  'kubectl-create_workspace': 'kubectl-create-workspace',
  'kubectl-kcp': 'kubectl-kcp',
};

/** @param script process.argv[1], which keeps the name of a link. */
export function pluginName(script: string | undefined): PluginName | undefined {
  const name = basename(script ?? '').replace(/\.(?:mjs|ts)$/, '');
  return Object.hasOwn(NAMES, name) ? NAMES[name] : undefined;
}
