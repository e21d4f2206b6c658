import { spawnSync } from 'node:child_process';
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const NOBODY = 65_534;
const room = (name: string) => join(import.meta.dirname, '../../src', name, 'index.ts');

test.skipIf(process.geteuid?.() !== 0)(
  'an ordinary user has images, and is told by name what containers need',
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'orrery-user-'));
    await chown(directory, NOBODY, NOBODY);
    await chmod(directory, 0o755);
    const script = `
      import { openEngine } from ${JSON.stringify(room('engine'))};
      import { silentLog } from ${JSON.stringify(room('base'))};
      const engine = await openEngine({ directory: ${JSON.stringify(directory)}, instance: 'aaaaaa', subnet: '10.1.2.0/24', log: silentLog });
      await engine.images.pack({ reference: 'mine', binaries: ['sh'] });
      const told = await engine.create({ name: 'a', image: 'mine' }).catch((error) => [error.code, error.message]);
      console.log(JSON.stringify({ told, images: await engine.images.list(), check: await engine.images.check(), containers: await engine.list() }));
    `;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
      uid: NOBODY,
      gid: NOBODY,
      env: { PATH: '/usr/bin:/bin' },
      encoding: 'utf8',
    });
    await rm(directory, { recursive: true, force: true });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({
      told: ['EngineUnavailable', expect.stringContaining('missing root')],
      images: [{ references: ['docker.io/library/mine:latest'] }],
      check: [],
      containers: [],
    });
  },
);
