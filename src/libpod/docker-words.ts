/** Podman's sentences, which ours are, and dockerd's for the same (moby, daemon and volume/service). */
const SENTENCES: readonly (readonly [RegExp, string])[] = [
  [/^no container with name or ID "(.*)" found: no such container$/s, 'No such container: $1'],
  [/^unable to find network with name or ID (.*): network not found$/s, 'network $1 not found'],
  [/^no volume with name "(.*)" found: no such volume$/s, 'get $1: no such volume'],
  [
    /^(?:creating container storage: )?the container name "(.*?)" is already in use by (?:container )?([0-9a-f]{64}).*$/s,
    'Conflict. The container name "/$1" is already in use by container "$2". You have to remove (or rename) that container to be able to reuse that name.',
  ],
  [
    /^runc: (runc create failed: .*): OCI (?:runtime attempted to invoke a command that was not found|permission denied|runtime error)$/s,
    'failed to create task for container: failed to create shim task: OCI runtime create failed: $1: unknown',
  ],
  [
    /^runc: (exec failed: .*): OCI (?:runtime attempted to invoke a command that was not found|permission denied|runtime error)$/s,
    'OCI runtime exec failed: $1: unknown',
  ],
];

/** What people and programs that know Docker look for; what is not known stays as it is. */
export function dockerWords(message: string): string {
  const found = SENTENCES.find(([pattern]) => pattern.test(message));
  return found === undefined ? message : message.replace(found[0], found[1]);
}
