import type { tenancyv1alpha1 } from '../../kube/index.ts';
import { outputFormat, printStructured } from '../output.ts';
import { type ConnectionFlags, Session } from './session.ts';
import { placeOf } from './workspace-path.ts';
import { typeText } from './workspace-type.ts';

export interface CurrentFlags extends ConnectionFlags {
  short?: boolean;
  output?: string;
}

/** `ws current`, `ws .`: asks the server nothing. */
export async function currentWorkspace(flags: CurrentFlags): Promise<void> {
  const format = outputFormat(flags.output);
  const session = await Session.open(flags);
  if (format === 'text') return printWorkspace(session.server, { short: flags.short === true });
  const { path } = session.place;
  await printStructured({ ...(path !== undefined && { path }), server: session.server }, format);
}

/** The sentence of kcp's plugin, or the path alone for a shell's prompt. */
export function printWorkspace(
  server: string,
  options: { short: boolean; type?: tenancyv1alpha1.WorkspaceTypeReference },
): void {
  const { path } = placeOf(server);
  if (options.short) {
    if (path !== undefined) process.stdout.write(`${path}\n`);
  } else if (path === undefined) process.stdout.write(`Current workspace is the URL "${server}".\n`);
  else {
    const type = options.type === undefined ? '' : ` (type ${typeText(options.type)})`;
    process.stdout.write(`Current workspace is '${path}'${type}.\n`);
  }
}
