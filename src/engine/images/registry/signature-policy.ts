import { BadRequest, OrreryError } from '../../../base/index.ts';
import { parseJson } from '../media-types.ts';
import { readIfThere } from './registries-conf.ts';

/** containers-policy.json(5). */
export interface SignaturePolicy {
  default: PolicyRequirement[];
  transports?: Record<string, Record<string, PolicyRequirement[]>>;
}

export interface PolicyRequirement {
  type: string;
  [field: string]: unknown;
}

/** @throws BadRequest */
export async function readPolicy(file: string | undefined): Promise<SignaturePolicy | undefined> {
  const text = file === undefined ? undefined : await readIfThere(file);
  if (text === undefined) return undefined;
  const policy = parseJson(text, file!) as Partial<SignaturePolicy> | null;
  if (!Array.isArray(policy?.default) || policy.default.length === 0)
    throw new BadRequest(`invalid policy in ${JSON.stringify(file)}: Default policy is missing`);
  return policy as SignaturePolicy;
}

/**
 * Whether an image of a registry may be used. Without a policy everything may; one that wants signatures refuses
 * by name, since none can be verified here.
 *
 * @param name `host/path:tag` @throws OrreryError ImageRejected
 */
export function checkPolicy(policy: SignaturePolicy | undefined, transport: string, name: string): void {
  if (policy === undefined) return;
  for (const requirement of requirementsFor(policy, transport, name)) {
    if (requirement.type === 'insecureAcceptAnything') continue;
    const why =
      requirement.type === 'reject'
        ? `Running image ${transport}://${name} is rejected by policy.`
        : `the policy for ${name} wants ${requirement.type}, which is not supported`;
    throw new OrreryError('ImageRejected', `Source image rejected: ${why}`);
  }
}

/** The narrowest scope that fits: the whole name, the repository, its parents, the host, `*.domain`, `""`. */
function requirementsFor(policy: SignaturePolicy, transport: string, name: string): PolicyRequirement[] {
  const scopes = policy.transports?.[transport] ?? {};
  for (const scope of scopesOf(name)) if (scopes[scope] !== undefined) return scopes[scope];
  return scopes[''] ?? policy.default;
}

function scopesOf(name: string): string[] {
  const repository = name.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
  const scopes = [name];
  for (let scope = repository; ; scope = scope.slice(0, scope.lastIndexOf('/'))) {
    scopes.push(scope);
    if (!scope.includes('/')) break;
  }
  const host = repository.split('/')[0]!.replace(/:\d+$/, '').split('.');
  for (let i = 1; i < host.length; i++) scopes.push(`*.${host.slice(i).join('.')}`);
  return scopes;
}
