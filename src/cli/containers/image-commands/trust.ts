import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { BadRequest, writeFileAtomic } from '../../../base/index.ts';
import { type CommandDefinition, exactArgs, flag, maximumArgs, refusedFlag } from '../../grammar/index.ts';
import { goJson } from '../../templates/go-json.ts';
import { renderReport } from '../../templates/report.ts';
import { goStruct } from '../../templates/values.ts';
import type { ToolContext } from '../context.ts';
import { configFiles } from './registry-access.ts';

interface Requirement {
  type: string;
}

interface Policy {
  default: Requirement[];
  transports?: Record<string, Record<string, Requirement[]>>;
}

const WORDS: Record<string, string> = { insecureAcceptAnything: 'accept', reject: 'reject' };
const TYPES: Record<string, string> = { accept: 'insecureAcceptAnything', reject: 'reject' };

const policypath = flag('string', 'policypath', 'Path of policy.json', { hidden: true, tools: ['podman'] });

function policyPath(context: ToolContext, given: string | undefined): string {
  const files = configFiles(context, 'policy.json');
  return given ?? files.find((file) => existsSync(file)) ?? files.at(-1)!;
}

export const trustShow: CommandDefinition<ToolContext> = {
  usage: '[options] [REGISTRY]',
  description: 'Display trust policy for the system.',
  flags: [
    flag('bool', 'json,j', 'Output as json'),
    flag('bool', 'raw', 'Output raw policy file'),
    flag('bool', 'noheading,n', 'Do not print column headings'),
    policypath,
    refusedFlag('string', 'registrypath', 'Path of registries.d', 'signature stores are not read', {
      hidden: true,
    }),
  ],
  args: maximumArgs(1),
  run: async ({ flags }, context) => {
    const raw = await readFile(policyPath(context, flags.string('policypath')), 'utf8');
    if (flags.bool('raw')) {
      context.stdout.write(`${raw}\n`);
      return 0;
    }
    const entries = describePolicy(JSON.parse(raw) as Policy);
    if (flags.bool('json')) {
      const shown = entries.map(({ transport, repository, name, type }) =>
        goStruct('trust.Policy', { transport, name, repo_name: repository, type }),
      );
      context.stdout.write(`${goJson(shown, { indent: '    ' })}\n`);
      return 0;
    }
    context.stdout.write(
      renderReport({
        name: 'show',
        rows: entries.map((one) =>
          goStruct('trust.Policy', {
            Transport: one.transport,
            RepoName: one.repository,
            Type: one.type,
            GPGId: '',
            SignatureStore: '',
          }),
        ),
        columns: '{{.Transport}}\t{{.RepoName}}\t{{.Type}}\t{{.GPGId}}\t{{.SignatureStore}}',
        headers: {
          Transport: 'TRANSPORT',
          RepoName: 'NAME',
          Type: 'TYPE',
          GPGId: 'ID',
          SignatureStore: 'STORE',
        },
        hasNoHeading: flags.bool('noheading'),
      }),
    );
    return 0;
  },
};

interface Described {
  transport: string;
  name: string;
  repository: string;
  type: string;
}

function describePolicy(policy: Policy): Described[] {
  const described = (base: Omit<Described, 'type'>, requirements: Requirement[]) =>
    requirements.map(({ type }) => ({ ...base, type: WORDS[type] ?? type }));
  const entries = described({ transport: 'all', name: '* (default)', repository: 'default' }, policy.default);
  for (const [transport, scopes] of Object.entries(policy.transports ?? {}).sort())
    for (const [scope, requirements] of Object.entries(scopes).sort())
      entries.push(
        ...described(
          { transport: transport === 'docker' ? 'repository' : transport, name: scope, repository: scope },
          requirements,
        ),
      );
  return entries;
}

export const trustSet: CommandDefinition<ToolContext> = {
  usage: '[options] REGISTRY',
  description: 'Set default trust policy or add a new trust policy for a registry.',
  flags: [
    flag('string', 'type,t', "Trust type, accept values: 'accept', 'reject'", { default: 'signedBy' }),
    refusedFlag(
      'stringArray',
      'pubkeysfile,f',
      'Path of installed public key(s)',
      'signatures are not verified here',
    ),
    policypath,
  ],
  args: exactArgs(1),
  run: async ({ args, flags }, context) => {
    const type = flags.string('type')!;
    if (!['accept', 'reject', 'signedBy', 'sigstoreSigned'].includes(type))
      throw new BadRequest(
        `invalid choice: ${type} (choose from 'accept', 'reject', 'signedBy', 'sigstoreSigned')`,
      );
    const requirement = TYPES[type];
    if (requirement === undefined)
      throw new BadRequest(`the trust type ${type} is not supported: signatures are not verified here`);
    const path = policyPath(context, flags.string('policypath'));
    const policy: Policy = existsSync(path)
      ? (JSON.parse(await readFile(path, 'utf8')) as Policy)
      : { default: [] };
    const [scope] = args;
    if (scope === 'default') policy.default = [{ type: requirement }];
    else {
      if (policy.default.length === 0) throw new BadRequest('default trust policy must be set');
      policy.transports = {
        ...policy.transports,
        docker: { ...policy.transports?.docker, [scope!]: [{ type: requirement }] },
      };
    }
    await writeFileAtomic(path, JSON.stringify(policy, undefined, 4));
    return 0;
  },
};
