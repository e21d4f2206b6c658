import { readFile } from 'node:fs/promises';
import { BadRequest } from '../../base/index.ts';
import { hostArchitecture, parseJson } from '../images/media-types.ts';
import type { SeccompProfile } from './seccomp.ts';

/** A rule of Docker's and Podman's template (github.com/containers/common, pkg/seccomp): only where it fits the container. */
interface TemplateRule {
  names?: string[];
  name?: string;
  action: string;
  errnoRet?: number;
  args?: { index: number; value: number; valueTwo?: number; op: string }[] | null;
  includes?: Condition;
  excludes?: Condition;
}

interface Condition {
  caps?: string[];
  arches?: string[];
  minKernel?: string;
}

interface SeccompTemplate {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  archMap?: { architecture: string; subArchitectures?: string[] | null }[];
  syscalls?: TemplateRule[] | null;
}

/** The compatibility architectures whose filter costs each start milliseconds and which hardly any kernel has on. */
const RARE = new Set(['SCMP_ARCH_X32']);
const NATIVE: Record<string, string> = { amd64: 'SCMP_ARCH_X86_64', arm64: 'SCMP_ARCH_AARCH64' };

/** @throws BadRequest */
export async function readTemplate(path: string): Promise<SeccompTemplate> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw new BadRequest(`opening seccomp profile failed: open ${path}: no such file or directory`, {
      cause,
    });
  }
  const template = parseJson(bytes, `the seccomp profile ${path}`) as SeccompTemplate;
  if (typeof template?.defaultAction !== 'string')
    throw new BadRequest(`loading seccomp profile (${path}) failed: it has no defaultAction`);
  return template;
}

/** The profile for this host and these capabilities. */
export function resolveTemplate(
  template: SeccompTemplate,
  capabilities: readonly string[],
  architecture = hostArchitecture(),
): SeccompProfile {
  const native = NATIVE[architecture] ?? '';
  const mapped = template.archMap?.find((one) => one.architecture === native);
  const architectures = mapped
    ? [native, ...(mapped.subArchitectures ?? [])]
    : (template.architectures ?? []);
  const holds = (condition: Condition | undefined, all: boolean): boolean => {
    const { caps = [], arches = [] } = condition ?? {};
    if (!all) return caps.some((one) => capabilities.includes(one)) || arches.includes(architecture);
    return (
      caps.every((one) => capabilities.includes(one)) &&
      (arches.length === 0 || arches.includes(architecture))
    );
  };
  return {
    defaultAction: template.defaultAction,
    ...(template.defaultErrnoRet !== undefined && { defaultErrnoRet: template.defaultErrnoRet }),
    architectures: architectures.filter((one) => !RARE.has(one)),
    syscalls: (template.syscalls ?? [])
      .filter((rule) => holds(rule.includes, true) && !holds(rule.excludes, false))
      .map(({ names, name, action, errnoRet, args }) => ({
        names: names ?? (name === undefined ? [] : [name]),
        action,
        ...(errnoRet !== undefined && { errnoRet }),
        ...(args && args.length > 0 && { args }),
      })),
  };
}
