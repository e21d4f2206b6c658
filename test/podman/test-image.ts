import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { type Pack, pack } from 'tar-stream';

/** The name Podman's system tests know their image by: test/system/helpers.bash of 4.3.1. */
export const TEST_IMAGE = 'quay.io/libpod/testimage:20220615';

const OS_RELEASE = 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.16.0\nPRETTY_NAME="Alpine Linux v3.16"\n';
const PASSWD = `root:x:0:0:root:/root:/bin/ash
bin:x:1:1:bin:/bin:/sbin/nologin
daemon:x:2:2:daemon:/sbin:/sbin/nologin
mail:x:8:12:mail:/var/mail:/sbin/nologin
games:x:35:35:games:/usr/games:/sbin/nologin
guest:x:405:100:guest:/dev/null:/sbin/nologin
nobody:x:65534:65534:nobody:/:/sbin/nologin
`;
const GROUP = `root:x:0:root
bin:x:1:root,bin,daemon
daemon:x:2:root,bin,daemon
mail:x:12:mail
games:x:35:
users:x:100:games
nobody:x:65534:
`;
const PAUSE = `#!/bin/sh
#
# Trivial little pause script, used in one of the pod tests
#
echo Confirmed: testimage pause invoked as $0
while :; do
    sleep 0.1
done
`;

/** Alpine's busybox has it, Debian's has not. The environment is the one it is given: a shell adds to its own. */
const PRINTENV = `#!/bin/busybox sh
environment() {
    /bin/busybox tr '\\000' '\\012' </proc/$$/environ
}
if [ $# -eq 0 ]; then
    environment
    exit
fi
code=0
for name; do
    environment | /bin/busybox grep -q "^$name=" || code=1
    environment | /bin/busybox sed -n "s/^$name=//p"
done
exit $code
`;
/** Small files of Alpine's base; some tests remove one, copy one, or count them. */
const ALPINE_FILES = [
  ...'crontabs/root fstab hostname inittab issue logrotate.d/acpid modules motd network/if-up.d/dad'.split(
    ' ',
  ),
  ...'modprobe.d/aliases.conf modprobe.d/blacklist.conf modprobe.d/i386.conf modprobe.d/kms.conf'.split(' '),
  ...'nsswitch.conf profile.d/20locale.sh profile.d/README profile.d/color_prompt.sh.disabled'.split(' '),
  ...'protocols secfixes.d/alpine securetty services shells sysctl.conf udhcpd.conf'.split(' '),
  ...'apk/arch apk/repositories apk/world apk/protected_paths.d/alpine-release.list'.split(' '),
  ...['ca-certificates.conf', 'ssl/cert.pem', 'ssl/ct_log_list.cnf', 'ssl/openssl.cnf', 'ssl/certs/all.pem'],
].map((name) => `etc/${name}`);
const ALPINE_KEYS = Array.from({ length: 17 }, (_, at) => `usr/share/apk/keys/${at}.rsa.pub`);

/**
 * What test/system/build-testimage makes from Alpine and its busybox, made from Debian's busybox-static: the same
 * files, labels and command, so that the tests find what they look for without a registry. A docker-archive.
 */
export async function writeTestImage(
  busybox: string,
  file: string,
  tag = TEST_IMAGE.split(':')[1]!,
): Promise<void> {
  const layer = await rootFileSystem(busybox, tag);
  const diffId = sha256(layer);
  const created = '2022-06-15T18:44:36Z';
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      created,
      config: {
        Cmd: ['/bin/echo', 'This container is intended for podman CI testing'],
        Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
        WorkingDir: '/home/podman',
        Labels: { created_by: 'test/system/build-testimage', created_at: created },
      },
      rootfs: { type: 'layers', diff_ids: [`sha256:${diffId}`] },
      history: [
        { created, created_by: '/bin/sh -c #(nop) ADD file in /' },
        {
          created,
          created_by: '/bin/sh -c #(nop) LABEL created_by=test/system/build-testimage',
          empty_layer: true,
        },
        { created, created_by: '/bin/sh -c #(nop) CMD ["/bin/echo"]', empty_layer: true },
      ],
    }),
  );
  const archive = pack();
  const written = pipeline(archive, createWriteStream(file));
  archive.entry({ name: `${diffId}/layer.tar` }, layer);
  archive.entry({ name: `${sha256(config)}.json` }, config);
  const manifest = [
    {
      Config: `${sha256(config)}.json`,
      RepoTags: [`${TEST_IMAGE.split(':')[0]}:${tag}`],
      Layers: [`${diffId}/layer.tar`],
    },
  ];
  archive.entry({ name: 'manifest.json' }, JSON.stringify(manifest));
  archive.finalize();
  await written;
}

async function rootFileSystem(busybox: string, tag: string): Promise<Buffer> {
  const tar = pack();
  const whole = buffer(tar);
  const mtime = new Date(1_650_000_000_000);
  const folders = [
    'bin',
    'dev',
    'etc',
    'home',
    'home/podman',
    'lib',
    'mnt',
    'opt',
    'proc',
    'root',
    'run',
    'sbin',
  ];
  for (const name of [
    ...folders,
    'srv',
    'sys',
    'usr',
    'usr/bin',
    'usr/sbin',
    'usr/lib',
    'var',
    'var/log',
    'var/www',
  ])
    tar.entry({ name: `${name}/`, type: 'directory', mode: 0o755, mtime });
  for (const name of ['tmp', 'var/tmp'])
    tar.entry({ name: `${name}/`, type: 'directory', mode: 0o1777, mtime });
  const add = (name: string, content: string | Buffer, mode = 0o644, at = mtime) =>
    tar.entry({ name, mode, mtime: at }, content);
  add('bin/busybox', await readFile(busybox), 0o755);
  for (const applet of [...applets(busybox), 'bin/busybox-extras']) link(tar, applet, mtime);
  add('bin/printenv', PRINTENV, 0o755);
  for (const name of [...ALPINE_FILES, ...ALPINE_KEYS]) add(name, `# ${name}\n`);
  tar.entry({ name: 'etc/mtab', type: 'symlink', linkname: '/proc/mounts', mode: 0o777, mtime });
  add('etc/os-release', OS_RELEASE);
  add('etc/alpine-release', '3.16.0\n');
  add('etc/passwd', PASSWD);
  add('etc/group', GROUP);
  add('etc/shadow', 'root:*::0:::::\n', 0o640);
  add('etc/profile', 'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n');
  add('etc/hosts', '127.0.0.1\tlocalhost localhost.localdomain\n::1\tlocalhost localhost.localdomain\n');
  add('home/podman/testimage-id', `${tag}\n`, 0o644, new Date(1_600_000_000_000));
  add('home/podman/pause', PAUSE, 0o755);
  tar.finalize();
  return await whole;
}

/** Where each applet is in a full installation: `usr/bin/awk`. */
function applets(busybox: string): string[] {
  const listed = execFileSync(busybox, ['--list-full'], { encoding: 'utf8' }).trim().split('\n');
  return listed.filter(
    (path) => !['bin/busybox', 'bin/printenv', 'usr/bin/printenv', 'linuxrc'].includes(path),
  );
}

function link(tar: Pack, name: string, mtime: Date): void {
  tar.entry({ name, type: 'symlink', linkname: '/bin/busybox', mode: 0o777, mtime });
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
