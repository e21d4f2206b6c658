import { readFileSync } from 'node:fs';
import { BadRequest } from '../../base/index.ts';
import { outputFormat } from '../output.ts';
import type { Fields } from './kubeconfig-document.ts';
import { type ConnectionFlags, withSession } from './session.ts';
import { baseOf, isWorkspacePath, type ServerPlace, serverOf } from './workspace-path.ts';

/** Fields that name files, and the fields that hold what is in them. */
const EMBEDDED = {
  'certificate-authority': 'certificate-authority-data',
  'client-certificate': 'client-certificate-data',
  'client-key': 'client-key-data',
} as const;

export interface KubeconfigFlags extends ConnectionFlags {
  output?: string;
}

/**
 * `orrery kubeconfig --workspace PATH`: prints a kubeconfig that leads there with the user of the current context, in
 * one piece: what the context names as files is in it. Nothing is asked of the server.
 */
export async function printKubeconfig(flags: KubeconfigFlags): Promise<void> {
  const format = outputFormat(flags.output) === 'json' ? 'json' : 'yaml';
  const config = await withSession(flags, async (session) => {
    const { place, context, cluster, files } = session;
    const userName = flags.user ?? String(context.user ?? '');
    const user = files.find('users', userName);
    if (user === undefined) throw new BadRequest(`auth info "${userName}" does not exist`);
    return kubeconfigFor({
      place: { path: 'root', ...place },
      context,
      cluster: withEmbeddedFiles(cluster),
      user: flags.token === undefined ? withEmbeddedFiles(user) : { token: flags.token },
    });
  });
  const text =
    format === 'json'
      ? `${JSON.stringify(config, null, 4)}\n`
      : (await import('yaml')).stringify(config, { lineWidth: 0 });
  process.stdout.write(text);
}

/** One cluster, one user, one context, all of the workspace's last name. */
export function kubeconfigFor(parts: {
  place: Required<ServerPlace>;
  context: Fields;
  cluster: Fields;
  user: Fields;
}): Record<string, unknown> {
  const { base, path } = parts.place;
  if (!isWorkspacePath(path)) throw new BadRequest(`invalid workspace path: ${path}`);
  const name = baseOf(path) || path;
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name, cluster: { ...parts.cluster, server: serverOf(base, path) } }],
    contexts: [{ name, context: { ...parts.context, cluster: name, user: name } }],
    users: [{ name, user: parts.user }],
  };
}

function withEmbeddedFiles(fields: Fields): Fields {
  const whole: Record<string, unknown> = { ...fields };
  for (const [file, data] of Object.entries(EMBEDDED)) {
    const path = whole[file];
    if (typeof path !== 'string' || path === '') continue;
    whole[data] ??= readFileSync(path).toString('base64');
    delete whole[file];
  }
  return whole;
}
