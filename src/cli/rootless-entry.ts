/** What tells about the program only. */
export const OUTSIDE: ReadonlySet<string> = new Set([
  'help',
  'completion',
  '__complete',
  '-h',
  '--help',
  '-v',
  '--version',
]);

/** Whether the command touches images, containers or their files, which an ordinary user does as root of a namespace. */
export function needsNamespaces([first]: readonly string[]): boolean {
  return first !== undefined && !OUTSIDE.has(first);
}

/**
 * Goes on in the namespaces of an ordinary user, in this process's place; nothing for root.
 *
 * @throws OrreryError RootlessUnavailable
 */
export async function enterRootlessNamespaces(): Promise<void> {
  if (process.geteuid!() === 0 && process.env.ORRERY_ROOTLESS_FOLDER === undefined) return;
  const { enterNamespaces } = await import('../engine/rootless/index.ts');
  enterNamespaces({
    command: [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    env: { ...process.env, PATH: withSystemFolders(process.env.PATH) },
    warn: (line) => process.stderr.write(`Warning: ${line}\n`),
  });
}

/** Users' shells leave out what only root needed once: nft, ip and losetup are there. */
function withSystemFolders(path = ''): string {
  const folders = path.split(':').filter((folder) => folder !== '');
  return [...new Set([...folders, '/usr/local/sbin', '/usr/sbin', '/sbin'])].join(':');
}
