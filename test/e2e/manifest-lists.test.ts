import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Registry, startRegistry } from '../harness/registry.ts';
import { Tool } from './libpod-fixture.ts';

let tool: Tool;
let registry: Registry;
const isRoot = process.geteuid?.() === 0;
beforeAll(async () => {
  if (!isRoot) return;
  tool = await Tool.open();
  registry = await startRegistry();
});
afterAll(async () => {
  await tool?.close();
  await registry?.stop();
});

interface Shown {
  mediaType: string;
  manifests: {
    digest: string;
    platform: { architecture: string; os: string; variant?: string };
    annotations?: Record<string, string>;
  }[];
}
const shown = async (list: string) => JSON.parse(await tool.ok('manifest', 'inspect', list)) as Shown;

test.runIf(isRoot)(
  'a list of images for two machines goes to a registry, and each is pulled by its own',
  async () => {
    const id = await tool.ok('manifest', 'create', 'both:1');
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect((await tool.run('manifest', 'create', 'both:1')).stderr).toContain('that name is already in use');
    expect(await tool.ok('manifest', 'create', '--amend', 'both:1')).toBe(id);
    expect((await shown('both:1')).manifests).toEqual([]);

    // The same program, said to be for another machine: another image.
    await tool.ok(
      'commit',
      '--change',
      'LABEL other=1',
      await tool.ok('create', 'localhost/box', 'true'),
      'other',
    );
    expect(await tool.ok('manifest', 'add', 'both:1', 'localhost/box')).toBe(id);
    await tool.ok('manifest', 'add', '--arch', 's390x', '--annotation', 'a=b', 'both:1', 'other');
    const { manifests } = await shown('both:1');
    expect(manifests.map(({ platform }) => platform.architecture)).toEqual([
      process.arch === 'x64' ? 'amd64' : process.arch,
      's390x',
    ]);
    expect(manifests[1]!.annotations).toEqual({ a: 'b' });
    await tool.ok('manifest', 'annotate', '--variant', 'v9', 'both:1', manifests[1]!.digest);
    expect((await shown(id.slice(0, 12))).manifests[1]!.platform.variant).toBe('v9');

    const target = `${registry.host}/team/both:1`;
    await tool.ok('manifest', 'push', '--tls-verify=false', 'both:1', `docker://${target}`);
    const pulled = await tool.ok('pull', '-q', '--tls-verify=false', '--arch', 's390x', target);
    expect(await tool.ok('image', 'inspect', '--format', '{{.Labels.other}}', pulled)).toBe('1');
    await tool.ok('rmi', target);

    expect(await tool.ok('manifest', 'remove', 'both:1', manifests[1]!.digest)).toBe(id);
    expect((await shown('both:1')).manifests).toHaveLength(1);
    expect(await tool.ok('manifest', 'rm', 'both:1')).toBe(`Untagged: localhost/both:1\nDeleted: ${id}`);
    expect((await tool.run('manifest', 'exists', 'both:1')).code).toBe(1);
  },
);

test.runIf(isRoot)('what is not there is named; rmi takes a list too', async () => {
  const { code, stderr } = await tool.run('manifest', 'add', 'none', 'localhost/box');
  expect({ code, stderr }).toMatchObject({
    code: 125,
    stderr: expect.stringContaining('none: image not known'),
  });
  await tool.ok('manifest', 'create', 'bare');
  expect((await tool.run('manifest', 'remove', 'bare', 'sha256:12')).stderr).toContain(
    'invalid checksum digest',
  );
  expect(await tool.ok('rmi', 'bare')).toContain('Untagged: localhost/bare:latest');
  expect((await tool.run('manifest', 'exists', 'bare')).code).toBe(1);
});
