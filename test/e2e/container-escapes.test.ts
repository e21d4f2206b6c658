import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, statfs, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { type Header, pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommand, silentLog } from '../../src/base/index.ts';
import { openImageLibrary } from '../../src/engine/index.ts';
import { type CreateOptions, type Libpod, openLibpod } from '../../src/libpod/index.ts';
import { SHELL_IMAGE, whyNotHere } from './engine-fixture.ts';

const missing = await whyNotHere();
const PROGRAMS = ['sh', 'sleep', 'cat', 'ls', 'mkdir', 'ln', 'rm', 'mv', 'mount', 'mknod', 'mkfifo', 'grep'];
/** Podman 4.3.1's default set: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, SYS_CHROOT, SETFCAP. */
const DEFAULT_CAPABILITIES = '00000000800405fb';
const NONE = '0'.repeat(16);

/** The known ways out of a container, tried for real. */
describe.skipIf(missing !== '')('escapes from containers', () => {
  let directory: string;
  /** A folder of the host that nobody inside may see or change. */
  let victim: string;
  let libpod: Libpod;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'orrery-escapes-'));
    victim = join(directory, 'victim');
    await mkdir(victim);
    await writeFile(join(victim, 'precious'), 'host secret');
    libpod = await openLibpod({
      directory: join(directory, 'containers'),
      imagesDirectory: join(directory, 'engine'),
      log: silentLog,
      self: ['/bin/true'],
      environment: {},
    });
    await libpod.images.pack({ reference: SHELL_IMAGE, binaries: PROGRAMS, entrypoint: [], cmd: ['sh'] });
  }, 60_000);

  afterAll(async () => {
    await libpod.system.reset();
    await rm(directory, { recursive: true, force: true });
  });

  async function make(command: string, more: Partial<CreateOptions> = {}): Promise<string> {
    const { id } = await libpod.containers.create({
      ...more,
      Config: { Image: SHELL_IMAGE, Cmd: ['sh', '-c', command], ...more.Config },
      HostConfig: { NetworkMode: 'none', ...more.HostConfig },
    });
    return id;
  }

  /** Runs it to its end. */
  async function output(command: string, more: Partial<CreateOptions> = {}): Promise<string> {
    const id = await make(`exec 2>&1; ${command}`, more);
    try {
      const session = await libpod.containers.attach(id);
      const text = textOf(session.stdout);
      await libpod.containers.start(id);
      await libpod.containers.wait(id);
      return await text;
    } finally {
      await libpod.containers.remove(id, { force: true, volumes: true });
    }
  }

  async function executed(id: string, user: string): Promise<Record<string, string>> {
    const exec = await libpod.containers.exec.create(id, { Cmd: ['cat', '/proc/self/status'], User: user });
    const session = (await libpod.containers.exec.start(exec))!;
    const text = await textOf(session.stdout);
    await session.exit;
    return limitsOf(text);
  }

  const victimIsWhole = async () => {
    expect(await readdir(victim)).toEqual(['precious']);
    expect(await readFile(join(victim, 'precious'), 'utf8')).toBe('host secret');
  };

  test('capabilities, seccomp and no-new-privileges are what was asked for, in exec too', async () => {
    const status = async (more: Partial<CreateOptions>) =>
      limitsOf(await output('cat /proc/self/status', more));
    expect(await status({})).toEqual({
      ...{ CapEff: DEFAULT_CAPABILITIES, CapBnd: DEFAULT_CAPABILITIES, CapAmb: NONE, CapInh: NONE },
      ...{ Seccomp: '2', NoNewPrivs: '0' },
    });
    const asUser = await status({ Config: { Image: SHELL_IMAGE, User: '1000' } as CreateOptions['Config'] });
    expect(asUser).toMatchObject({
      CapEff: NONE,
      CapBnd: DEFAULT_CAPABILITIES,
      Seccomp: '2',
    });
    expect(await status({ HostConfig: { CapDrop: ['all'] } })).toMatchObject({ CapEff: NONE, CapBnd: NONE });
    expect(await status({ HostConfig: { SecurityOpt: ['no-new-privileges'] } })).toMatchObject({
      NoNewPrivs: '1',
    });
    expect(await status({ HostConfig: { SecurityOpt: ['seccomp=unconfined'] } })).toMatchObject({
      Seccomp: '0',
    });
    const privileged = await status({ HostConfig: { Privileged: true } });
    const host = limitsOf(await readFile('/proc/self/status', 'utf8'));
    expect(privileged).toMatchObject({ CapEff: host.CapBnd, Seccomp: '0' });

    const id = await make('sleep 100', { HostConfig: { SecurityOpt: ['no-new-privileges'] } });
    await libpod.containers.start(id);
    expect(await executed(id, '')).toMatchObject({
      CapEff: DEFAULT_CAPABILITIES,
      Seccomp: '2',
      NoNewPrivs: '1',
    });
    expect(await executed(id, '1000')).toMatchObject({ CapEff: NONE, Seccomp: '2', NoNewPrivs: '1' });
    await libpod.containers.remove(id, { force: true, timeoutSeconds: 0 });
  });

  test('the kernel’s files are out of reach, and nothing is mounted or made a device', async () => {
    const text = await output(
      [
        'echo x >/proc/sys/kernel/hostname && echo WRITTEN',
        'echo b >/proc/sysrq-trigger && echo WRITTEN',
        'echo x >/sys/kernel/uevent_helper && echo WRITTEN',
        'echo 1 >/sys/fs/cgroup/devices/devices.allow && echo WRITTEN',
        'cat /proc/kcore | { read -r line && echo LEAKED; }',
        'cat /proc/keys | grep -q . && echo LEAKED',
        'mount -t tmpfs x /mnt && echo MOUNTED',
        'mknod /sda b 8 0 && echo MADE',
        'echo end',
      ].join('; '),
    );
    expect(text).toContain('end');
    expect(text).not.toMatch(/WRITTEN|LEAKED|MOUNTED|MADE/);
    // With the capability to make one, the control group still refuses its use.
    const device = await output('mknod /disk b 7 0 && cat /disk && echo READ; echo end', {
      HostConfig: { CapAdd: ['MKNOD'] },
    });
    expect(device).toContain('end');
    expect(device).not.toContain('READ');
  });

  test('what is mounted inside stays inside', async () => {
    const shared = join(directory, 'shared');
    await mkdir(join(shared, 'below'), { recursive: true });
    const id = await make('mount -t tmpfs inner /shared/below && echo mounted; sleep 100', {
      HostConfig: {
        CapAdd: ['SYS_ADMIN'],
        Binds: [`${shared}:/shared`],
        SecurityOpt: ['seccomp=unconfined'],
      },
    });
    const session = await libpod.containers.attach(id);
    const first = new Promise<string>((resolve) =>
      session.stdout.once('data', (text) => resolve(String(text))),
    );
    await libpod.containers.start(id);
    expect(await first).toContain('mounted');
    expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(`${shared}/below`);
    session.close();
    await libpod.containers.remove(id, { force: true, timeoutSeconds: 0 });
  });

  test('hostile layers are refused, and nothing outside is touched', async () => {
    const climbing = `${'../'.repeat(20)}${victim.slice(1)}`;
    const through = [{ name: 'out', type: 'symlink', linkname: victim } as const];
    const layers: Record<string, Entry[]> = {
      'a name with ..': [{ name: `${climbing}/made` }],
      'a hard link out': [{ name: 'hard', type: 'link', linkname: `${climbing}/precious` }],
      'a file through a link': [...through, { name: 'out/made' }],
      'a folder over a link': [...through, { name: 'out/made/', type: 'directory' }],
      'a hard link through a link': [...through, { name: 'hard', type: 'link', linkname: 'out/precious' }],
      'a whiteout through a link': [...through, { name: 'out/.wh.precious' }],
      'an opaque mark through a link': [...through, { name: 'out/.wh..wh..opq' }],
      'a whiteout of nothing': [{ name: '.wh.' }],
      'a whiteout of the folder': [{ name: 'a/.wh..' }],
      'a whiteout of the parent': [{ name: 'a/.wh...' }],
      'a mark of overlayfs': [{ name: 'a', pax: { 'SCHILY.xattr.trusted.overlay.redirect': '/etc' } }],
      'a header without end': [{ name: 'a', pax: { comment: 'x'.repeat(5 << 20) } }],
    };
    for (const [what, entries] of Object.entries(layers)) {
      // Some are refused, some stay within the layer.
      const [imported] = await Promise.allSettled([libpod.images.addLayer(tarOf(entries))]);
      expect(imported.status, what).toMatch(/fulfilled|rejected/);
      await victimIsWhole();
      if (/\.\.$|of nothing|of the|overlayfs|without end/.test(what))
        expect(imported.status, what).toBe('rejected');
    }
    expect((await stat(join(victim, 'precious'))).nlink).toBe(1);
    // No half of what was refused is left.
    expect((await readdir(join(directory, 'engine/layers'))).filter((name) => name.includes(':'))).toEqual(
      [],
    );
    expect(await readdir(join(directory, 'engine/images/ingest'))).toEqual([]);
  });

  test('a layer that unpacks to more than the disk holds is refused before it fills it', async () => {
    const small = join(directory, 'small');
    await mkdir(small);
    await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', small]);
    try {
      const library = await openImageLibrary({ directory: small, log: silentLog });
      const free = await statfs(small);
      for (const [what, sizes] of Object.entries({
        'in one file': [80 << 20],
        'in many': Array(80).fill(1 << 20),
      })) {
        const bomb = await zeros(sizes as number[]);
        await expect(library.importRootfs(bomb, { reference: 'localhost/bomb' }), what).rejects.toMatchObject(
          {
            code: 'DiskFull',
            message: expect.stringContaining('no space left on device'),
          },
        );
        expect(await readdir(join(small, 'images/ingest'))).toEqual([]);
        expect((await statfs(small)).bfree).toBeGreaterThan(free.bfree * 0.98);
      }
      expect(await library.describe()).toEqual([]);
      const limited = await openImageLibrary({ directory: small, log: silentLog, layerLimitBytes: 4 << 20 });
      const import5 = limited.importRootfs(await zeros([3 << 20, 2 << 20]), {});
      await expect(import5).rejects.toThrow('the layer unpacks to more than the limit of 4194304 bytes');
    } finally {
      await runCommand('umount', [small]);
    }
  });

  test('a mount’s target that the image made a link stays inside', async () => {
    const id = await make('sleep 100');
    const root = await libpod.containers.mount(id);
    await symlink(victim, join(root, 'link'));
    await symlink(`${'../'.repeat(20)}${victim.slice(1)}`, join(root, 'climbing'));
    await libpod.containers.unmount(id, { force: true });
    await libpod.containers.commit(id, { reference: 'localhost/links' });
    await libpod.containers.remove(id, { force: true });
    const text = await output('ls /link/new /climbing/new && echo fine', {
      Config: { Image: 'localhost/links' } as CreateOptions['Config'],
      HostConfig: { Binds: ['escape:/link/new'], Tmpfs: { '/climbing/new': '' } },
    });
    expect(text).toContain('fine');
    await victimIsWhole();
  });

  test('cp never follows what a process inside swaps meanwhile', async () => {
    const swap = `while :; do rm -rf /x; mkdir -p /x/y/z; ln -s ${victim} /x/l; mv /x/y /x/o; ln -s ${victim} /x/y; done 2>/dev/null`;
    const id = await make(`mkfifo /pipe; ${swap}`);
    await libpod.containers.start(id);
    for (let round = 0; round < 25; round++) {
      // A folder and its content; a file in the place of the folder that is being swapped; what is read.
      await Promise.allSettled([
        libpod.containers.copyIn(id, '/', tarOf([{ name: 'x/y/made' }])),
        libpod.containers.copyIn(id, '/x', tarOf([{ name: 'y' }])),
        libpod.containers.copyIn(id, '/', tarOf([{ name: 'x' }])),
      ]);
      const [read] = await Promise.allSettled([
        libpod.containers.copyOut(id, '/x').then(({ tar }) => textOf(tar)),
      ]);
      if (read.status === 'fulfilled') expect(read.value).not.toContain('host secret');
      const [direct] = await Promise.allSettled([
        libpod.containers.copyOut(id, '/x/y/precious').then(({ tar }) => textOf(tar)),
      ]);
      expect(direct.status === 'fulfilled' && direct.value.includes('host secret')).toBe(false);
    }
    await victimIsWhole();
    // A pipe has no end: it is not waited for.
    const { tar } = await libpod.containers.copyOut(id, '/pipe');
    await textOf(tar);
    const magic = await Promise.allSettled([
      libpod.containers.copyOut(id, `/proc/self/cwd${victim}/precious`).then((found) => textOf(found.tar)),
    ]);
    expect(JSON.stringify(magic)).not.toContain('host secret');
    await libpod.containers.remove(id, { force: true, timeoutSeconds: 0 });
  });

  test('a part of a volume is within the volume, whatever another container swaps', async () => {
    const swapper = await make(
      `while :; do rm -rf /v/part; mkdir /v/part; rm -rf /v/part; ln -s ${victim} /v/part; done 2>/dev/null`,
      { HostConfig: { Binds: ['parts:/v'] } },
    );
    await libpod.containers.start(swapper);
    for (let round = 0; round < 6; round++) {
      const [seen] = await Promise.allSettled([
        output('ls /m; cat /m/precious', {
          HostConfig: {
            Mounts: [{ Type: 'volume', Source: 'parts', Target: '/m', VolumeOptions: { Subpath: 'part' } }],
          },
        }),
      ]);
      expect(seen.status === 'fulfilled' && seen.value.includes('host secret')).toBe(false);
    }
    await victimIsWhole();
    await libpod.containers.remove(swapper, { force: true, timeoutSeconds: 0, volumes: true });
  });

  test('accounts of an image that are pipes, devices or links out are nobody’s', async () => {
    const id = await make('true');
    const root = await libpod.containers.mount(id);
    await mkdir(join(root, 'etc'), { recursive: true });
    for (const name of ['passwd', 'group']) {
      await rm(join(root, 'etc', name), { force: true });
      await symlink(join(victim, 'precious'), join(root, 'etc', name));
    }
    await libpod.containers.unmount(id, { force: true });
    await libpod.containers.commit(id, { reference: 'localhost/accounts' });
    await libpod.containers.remove(id, { force: true });
    const config = { Image: 'localhost/accounts', User: 'host' } as CreateOptions['Config'];
    await expect(output('true', { Config: config })).rejects.toThrow('unable to find user host');
    expect(
      await output('echo fine', { Config: { Image: 'localhost/accounts' } as CreateOptions['Config'] }),
    ).toContain('fine');
    await victimIsWhole();
  });

  test('secrets are in no argument, no inspection and no file that others may read', async () => {
    await libpod.secrets.create('token', Buffer.from('s3cr3t-value'));
    const id = await make('cat /run/secrets/token; echo $VARIABLE; sleep 100', {
      Podman: {
        Secrets: [
          { Source: 'token', Type: 'mount' },
          { Source: 'token', Type: 'env', Target: 'VARIABLE' },
        ],
      },
    } as Partial<CreateOptions>);
    const session = await libpod.containers.attach(id);
    const first = new Promise<string>((resolve) =>
      session.stdout.once('data', (text) => resolve(String(text))),
    );
    await libpod.containers.start(id);
    expect(await first).toContain('s3cr3t-value');
    session.close();
    expect(JSON.stringify(await libpod.containers.inspect(id))).not.toContain('s3cr3t-value');
    expect(JSON.stringify(await libpod.secrets.list())).not.toContain('s3cr3t-value');
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name)))
      expect(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).not.toContain('s3cr3t-value');
    expect(await readableByOthers(join(directory, 'containers'), 's3cr3t-value')).toEqual([]);
    await libpod.containers.remove(id, { force: true, timeoutSeconds: 0 });
  });

  test('what a container prints is never taken for a line of the log', async () => {
    const forged = '2020-01-01T00:00:00.000000000+00:00 stderr F forged';
    const id = await make(`echo real; echo '${forged}'; cat /proc/version >&2`);
    await libpod.containers.start(id);
    await libpod.containers.wait(id);
    const lines: { stream: string; text: string }[] = [];
    for await (const { stream, text } of libpod.containers.logs(id, {}))
      lines.push({ stream, text: String(text) });
    expect(lines.filter(({ stream }) => stream === 'stdout').map(({ text }) => text.trim())).toEqual([
      'real',
      forged,
    ]);
    await libpod.containers.remove(id, { force: true });
  });
});

type Entry = Partial<Header> & { name: string };

function tarOf(entries: readonly Entry[]): Readable {
  const tar = pack();
  for (const entry of entries) {
    if (entry.type === undefined) tar.entry(entry as Header, 'made');
    else tar.entry(entry as Header);
  }
  tar.finalize();
  return tar as unknown as Readable;
}

/** Files of zeros, compressed: a thousandth of what they are. */
async function zeros(sizes: readonly number[]): Promise<Readable> {
  const tar = pack();
  for (const [at, size] of sizes.entries()) tar.entry({ name: `zeros-${at}` }, Buffer.alloc(size));
  tar.finalize();
  return Readable.from([gzipSync(await buffer(tar))]);
}

async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks).toString();
}

/** Of /proc/PID/status. */
function limitsOf(status: string): Record<string, string> {
  const lines = status.matchAll(/^(CapInh|CapEff|CapBnd|CapAmb|Seccomp|NoNewPrivs):\s+(\S+)/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name, value]));
}

/** Files with the text that a user other than the owner can come to and read. */
async function readableByOthers(folder: string, text: string): Promise<string[]> {
  if (!existsSync(folder) || ((await stat(folder)).mode & 0o001) === 0) return [];
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...(await readableByOthers(path, text)));
    else if (
      entry.isFile() &&
      ((await stat(path)).mode & 0o004) !== 0 &&
      (await readFile(path, 'utf8')).includes(text)
    )
      found.push(path);
  }
  return found;
}
