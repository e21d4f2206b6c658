import { readFile } from 'node:fs/promises';
import { BadRequest } from '../../../base/index.ts';
import { type CommandDefinition, flag, maximumArgs } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { registryAccess } from './registry-access.ts';

const authfile = flag(
  'string',
  'authfile',
  'Path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to override',
  {
    tools: ['podman'],
  },
);

export const login: CommandDefinition<ToolContext> = {
  usage: '[options] [REGISTRY]',
  description: 'Login to a container registry on a specified server.',
  examples: ['login quay.io', 'login --username ... --password-stdin quay.io'],
  flags: [
    authfile,
    flag('string', 'cert-dir', 'Use certificates at the specified path to access the registry', {
      tools: ['podman'],
    }),
    flag('string', 'username,u', 'Username for registry'),
    flag('string', 'password,p', 'Password for registry: seen by everybody in the list of processes'),
    flag('bool', 'password-stdin', 'Take the password from stdin'),
    flag('bool', 'get-login', 'Return the current login user for the registry', { tools: ['podman'] }),
    flag('bool', 'tls-verify', 'Require HTTPS and verify certificates when contacting registries', {
      tools: ['podman'],
    }),
    flag('bool', 'verbose,v', 'Write more detailed information to stdout', { tools: ['podman'] }),
  ],
  args: maximumArgs(1),
  run: async ({ args, flags }, context) => {
    const registry = args[0] ?? 'docker.io';
    const access = registryAccess(context, flags);
    const kept = await keptCredentials(registry, [access.authFile!, ...(access.fallbackAuthFiles ?? [])]);
    if (flags.bool('get-login')) {
      if (kept === undefined) throw new BadRequest(`not logged into ${registry}`);
      context.stdout.write(`${kept.username}\n`);
      return 0;
    }
    const images = await context.images();
    const username = flags.string('username') ?? (await ask(context, usernameQuestion(kept?.username)));
    const user = username === '' ? (kept?.username ?? '') : username;
    const password = flags.bool('password-stdin')
      ? await passwordFromInput(context, flags.changed('password'))
      : (flags.string('password') ?? (await askSecretly(context)));
    if (user === '' || password === '') throw new BadRequest('username and password are both needed');
    await images.login(registry, { username: user, password }, access);
    context.stdout.write('Login Succeeded!\n');
    if (flags.bool('verbose')) context.stdout.write(`Used:  ${access.authFile}\n`);
    return 0;
  },
};

function usernameQuestion(known: string | undefined): string {
  return known === undefined ? 'Username: ' : `Username (${known}): `;
}

/** A user's name is no secret; the password stays in the file. */
async function keptCredentials(
  registry: string,
  files: readonly string[],
): Promise<{ username: string } | undefined> {
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return '{}';
    });
    const { auths } = JSON.parse(text || '{}') as { auths?: Record<string, { auth?: string }> };
    const auth = auths?.[registry]?.auth;
    if (auth) return { username: Buffer.from(auth, 'base64').toString().split(':')[0]! };
  }
  return undefined;
}

async function passwordFromInput(context: ToolContext, hasFlag: boolean): Promise<string> {
  if (hasFlag) throw new BadRequest('--password and --password-stdin are mutually exclusive');
  const chunks: Buffer[] = [];
  for await (const chunk of context.stdin) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks)
    .toString()
    .replace(/\r?\n$/, '');
}

async function ask(context: ToolContext, question: string): Promise<string> {
  const { createInterface } = await import('node:readline/promises');
  const asking = createInterface({ input: context.stdin, output: context.stdout });
  try {
    return (await asking.question(question)).trim();
  } finally {
    asking.close();
  }
}

/** Reads a line that is not shown. */
async function askSecretly(context: ToolContext): Promise<string> {
  const { stdin, stdout } = context;
  if (!stdin.isTTY)
    throw new BadRequest('there is no terminal to ask for the password on', { hint: 'use --password-stdin' });
  stdout.write('Password: ');
  stdin.setRawMode(true);
  try {
    let password = '';
    for await (const chunk of stdin)
      for (const character of String(chunk)) {
        if (character === '\r' || character === '\n') return password;
        if (character === '\u0003') throw new BadRequest('interrupted');
        password = character === '\u007f' ? password.slice(0, -1) : password + character;
      }
    return password;
  } finally {
    stdin.setRawMode(false);
    stdout.write('\n');
  }
}

export const logout: CommandDefinition<ToolContext> = {
  usage: '[options] [REGISTRY]',
  description: 'Remove the cached username and password for the registry.',
  examples: ['logout quay.io', 'logout --all'],
  flags: [
    authfile,
    flag('bool', 'all,a', 'Remove the cached credentials for all registries in the auth file', {
      tools: ['podman'],
    }),
  ],
  args: maximumArgs(1),
  run: async ({ args, flags }, context) => {
    const isAll = flags.bool('all');
    if (isAll && args.length > 0) throw new BadRequest('--all takes no arguments');
    const images = await context.images();
    const registry = args[0] ?? 'docker.io';
    const removed = await images.logout(isAll ? undefined : registry, registryAccess(context, flags));
    context.stdout.write(
      isAll
        ? 'Removed login credentials for all registries\n'
        : `Removed login credentials for ${removed[0] ?? registry}\n`,
    );
    return 0;
  },
};
