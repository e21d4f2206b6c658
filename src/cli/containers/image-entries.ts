import type { CommandDefinition, CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

type Load = () => Promise<CommandDefinition<ToolContext>>;

/** A command of images: at the top and in the group. */
function both(name: string, summary: string, load: Load): CommandEntry<ToolContext> {
  return { paths: [name, `image ${name}`], summary, load };
}

function grouped(name: string, summary: string, load: Load): CommandEntry<ToolContext> {
  return { paths: [`image ${name}`], summary, load };
}

const archives = () => import('./image-commands/archives.ts');
const listing = () => import('./image-commands/listing.ts');
const naming = () => import('./image-commands/naming.ts');

export const imageEntries: readonly CommandEntry<ToolContext>[] = [
  {
    paths: ['images', 'image ls'],
    aliases: ['image list'],
    summary: 'List images in local storage',
    load: async () => (await listing()).images,
  },
  {
    paths: ['rmi', 'image rm'],
    aliases: ['image remove'],
    summary: 'Removes one or more images from local storage',
    load: async () => (await import('./image-commands/removal.ts')).rmi,
  },
  both('pull', 'Pull an image from a registry', async () => (await import('./image-commands/pull.ts')).pull),
  both(
    'push',
    'Push an image to a specified destination',
    async () => (await import('./image-commands/push.ts')).push,
  ),
  both('tag', 'Add an additional name to a local image', async () => (await naming()).tag),
  both('untag', 'Remove a name from a local image', async () => (await naming()).untag),
  both('load', 'Load image(s) from a tar archive', async () => (await archives()).load),
  both('save', 'Save image(s) to an archive', async () => (await archives()).save),
  both('import', 'Import a tarball to create a filesystem image', async () => (await archives()).importImage),
  both('history', 'Show history of a specified image', async () => (await listing()).history),
  both(
    'search',
    'Search registry for image',
    async () => (await import('./image-commands/search.ts')).search,
  ),
  grouped('exists', 'Check if an image exists in local storage', async () => (await naming()).exists),
  grouped('sign', 'Sign an image (not supported)', async () => (await naming()).sign),
  grouped(
    'inspect',
    'Display the configuration of an image',
    async () => (await import('./image-commands/inspection.ts')).inspect,
  ),
  grouped(
    'tree',
    'Print layer hierarchy of an image in a tree format',
    async () => (await import('./image-commands/inspection.ts')).tree,
  ),
  grouped(
    'prune',
    'Remove unused images',
    async () => (await import('./image-commands/removal.ts')).pruneImages,
  ),
  grouped(
    'mount',
    "Mount an image's root filesystem",
    async () => (await import('./image-commands/mounting.ts')).mount,
  ),
  {
    paths: ['image unmount'],
    aliases: ['image umount'],
    summary: "Unmount an image's root filesystem",
    load: async () => (await import('./image-commands/mounting.ts')).unmount,
  },
  grouped(
    'trust show',
    'Display trust policy for the system',
    async () => (await import('./image-commands/trust.ts')).trustShow,
  ),
  grouped(
    'trust set',
    'Set default trust policy or a new trust policy for a registry',
    async () => (await import('./image-commands/trust.ts')).trustSet,
  ),
  grouped(
    'pack',
    'Make an image from programs of this host',
    async () => (await import('./image-commands/cloud.ts')).pack,
  ),
  grouped(
    'check',
    'Verify every blob of the image store',
    async () => (await import('./image-commands/cloud.ts')).check,
  ),
  {
    paths: ['login'],
    summary: 'Login to a container registry',
    load: async () => (await import('./image-commands/login.ts')).login,
  },
  {
    paths: ['logout'],
    summary: 'Logout of a container registry',
    load: async () => (await import('./image-commands/login.ts')).logout,
  },
];

export const imageGroups: readonly GroupEntry[] = [
  { path: 'image', summary: 'Manage images', description: 'Manage images' },
  {
    path: 'image trust',
    summary: 'Manage container image trust policy',
    description: 'Manages the trust policy of the host system',
  },
];
