import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { whyNotHere } from '../e2e/engine-fixture.ts';
import { eventually } from '../harness/cloud.ts';
import { findDocker } from '../harness/debian-packages.ts';
import { type OrdinaryUser, ordinaryUser, whyNoOrdinaryUser } from '../harness/ordinary-user.ts';

/** One that every user may run. */
const PYTHON = '/usr/bin/python3';
const why = whyNoOrdinaryUser() || (await whyNotHere()) || (existsSync(PYTHON) ? '' : `(no ${PYTHON})`);
const execute = promisify(execFile);

/** systemd's part (sd_listen_fds(3)): the socket is there, and the program comes when somebody connects. */
const ACTIVATOR = `
import os, select, socket, sys
path = sys.argv[1]
listening = socket.socket(socket.AF_UNIX)
listening.bind(path + '.new')
listening.listen()
os.rename(path + '.new', path)
select.select([listening], [], [])
os.dup2(listening.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
`;

describe.skipIf(why !== '')(`an ordinary user's server ${why}`, () => {
  let user: OrdinaryUser;
  let docker: (...args: string[]) => Promise<string>;

  beforeAll(async () => {
    const [found, program] = await Promise.all([ordinaryUser(), findDocker()]);
    user = found;
    const socket = join(user.runtimeDirectory, 'activated.sock');
    docker = async (...args) => {
      const env = { PATH: process.env.PATH, HOME: user.home, DOCKER_HOST: `unix://${socket}` };
      return (await execute(program, args, { env, timeout: 60_000, killSignal: 'SIGKILL' })).stdout.trim();
    };
    await writeFile(join(user.home, 'activator.py'), ACTIVATOR, { mode: 0o644 });
    user.start([
      ...[PYTHON, join(user.home, 'activator.py'), socket],
      ...[...user.program, 'system', 'service', '--time=3'],
    ]);
    await eventually('the socket is there', async () => {
      const { exitCode } = await user.run(['test', '-S', socket]);
      return exitCode === 0 || undefined;
    });
  });
  afterAll(async () => {
    await user?.orrery(['system', 'reset', '--force']);
    await user?.dispose();
  });

  test('comes with the first connection, and runs containers that the command line sees', async () => {
    expect(await docker('info', '--format', '{{.SecurityOptions}}')).toContain('name=rootless');
    const packed = await user.orrery([
      'image',
      'pack',
      'docker.io/library/shell',
      'sh',
      'cat',
      'sleep',
      'id',
    ]);
    expect(packed).toMatchObject({ exitCode: 0 });
    expect(
      await docker('run', '--rm', '--network=none', 'shell', '-c', 'id -u; cat /proc/self/uid_map'),
    ).toMatch(new RegExp(`^0\\n\\s*0\\s+${user.uid}\\s+1\\n`));
    const id = await docker(
      'run',
      '-d',
      '--name',
      'kept',
      '--network=none',
      'shell',
      '-c',
      'exec sleep 1000',
    );
    expect(await docker('exec', 'kept', 'sh', '-c', 'echo in')).toBe('in');
    expect((await user.orrery(['ps', '-q', '--no-trunc'])).stdout.trim()).toBe(id);
  });
});
