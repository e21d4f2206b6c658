import { readFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { runCommand } from '../../src/base/index.ts';

/** What a reboot takes away of the instance: processes, mounts, control groups, links and rules. The disk stays. */
export async function reboot({
  directory,
  instance,
}: {
  directory: string;
  instance: string;
}): Promise<void> {
  const lines = async (command: string) =>
    (await runCommand('sh', ['-c', command])).stdout.split('\n').filter((line) => line !== '');
  const groups = () => lines(`find /sys/fs/cgroup -depth -type d -path '*/orrery-${instance}*'`);
  const processes = async () => {
    const files = (await groups()).map((group) => `${group}/cgroup.procs`);
    return files.length === 0 ? [] : await lines(`cat ${files.join(' ')} 2>/dev/null | sort -un; true`);
  };
  // Some end by themselves while others are being killed.
  await runCommand('sh', ['-c', `kill -9 ${(await processes()).join(' ')} || true`]);
  await expect.poll(processes, { timeout: 10_000 }).toEqual([]);
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .map((line) => line.split(' ')[4]!)
    .filter((point) => point?.startsWith(directory));
  for (const point of mounts.reverse()) await runCommand('umount', ['--lazy', point]);
  for (const group of await groups()) await runCommand('rmdir', [group]);
  for (const link of await lines(`ls /sys/class/net | grep -E '^o(rr|v)${instance}'; true`))
    await runCommand('sh', ['-c', `ip link delete ${link} || true`]);
  for (const table of await lines(`nft list tables | grep ${instance}; true`))
    await runCommand('nft', ['delete', ...table.split(' ')]);
}
