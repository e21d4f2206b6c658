import { expect, test } from 'vitest';
import { dockerWords } from './docker-words.ts';

const ID = 'ab'.repeat(32);

test.each([
  ['no container with name or ID "web" found: no such container', 'No such container: web'],
  ['unable to find network with name or ID inner: network not found', 'network inner not found'],
  ['no volume with name "data" found: no such volume', 'get data: no such volume'],
  [
    `creating container storage: the container name "web" is already in use by ${ID}. You have to remove that container to be able to reuse that name: that name is already in use`,
    `Conflict. The container name "/web" is already in use by container "${ID}". You have to remove (or rename) that container to be able to reuse that name.`,
  ],
  [
    'runc: runc create failed: unable to start container process: exec: "x": executable file not found in $PATH: OCI runtime attempted to invoke a command that was not found',
    'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "x": executable file not found in $PATH: unknown',
  ],
  ['something else', 'something else'],
])('%s', (ours, dockers) => {
  expect(dockerWords(ours)).toBe(dockers);
});
