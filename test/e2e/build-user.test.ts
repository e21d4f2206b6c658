import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OrdinaryUser, ordinaryUser, whyNoOrdinaryUser } from '../harness/ordinary-user.ts';
import { whyNoBuilds } from './build-fixture.ts';

const why = whyNoOrdinaryUser() || (await whyNoBuilds());

let user: OrdinaryUser;

describe.skipIf(why !== '')(
  `builds of an ordinary user${why && ` (skipped: ${why})`}`,
  { timeout: 120_000 },
  () => {
    beforeAll(async () => {
      user = await ordinaryUser();
    });
    afterAll(async () => {
      await user.dispose();
    });

    test('steps run as root of the user’s namespace; deletions and owners become layers; the cache is found', async () => {
      const packed = await user.orrery([
        ...['image', 'pack', 'localhost/tools'],
        ...['sh', 'id', 'rm', 'ls', 'cat', 'chown'],
      ]);
      expect(packed).toMatchObject({ exitCode: 0 });
      const file = join(user.home, 'Dockerfile');
      writeFileSync(
        file,
        `FROM localhost/tools
RUN id -u && echo mine > /file && chown 5:6 /file && rm /etc/nsswitch.conf
COPY Dockerfile /copied
RUN --mount=type=secret,id=s --mount=type=tmpfs,target=/t ls -ln /file && ls /etc && cat /run/secrets/s
`,
        { mode: 0o644 },
      );
      const build = () =>
        user.orrery(['build', '-t', 'mine', '--secret', 'id=s,env=TOKEN', user.home], {
          cwd: user.home,
          env: { TOKEN: 'told-to-the-step' },
        });
      const first = await build();
      expect(first).toMatchObject({ exitCode: 0 });
      expect(first.stdout).toMatch(/^0$/m);
      expect(first.stdout).toMatch(/^-rw\S+ +1 5 +6 .* \/file$/m);
      expect(first.stdout).toContain('told-to-the-step');
      expect(first.stdout).not.toMatch(/^nsswitch/m);
      expect(first.stdout).toContain('Successfully tagged localhost/mine:latest');
      const second = await build();
      expect(second.stdout.match(/Using cache/g)).toHaveLength(3);
      expect(second.stdout.trim().split('\n').at(-1)).toBe(first.stdout.trim().split('\n').at(-1));
    });
  },
);
