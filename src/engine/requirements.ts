import { access, constants, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OrreryError } from '../base/index.ts';
import { rootlessFacts } from './rootless/facts.ts';

export interface MissingRequirement {
  name: string;
  why: string;
  /** The Debian package that brings it; empty when no package does. */
  package: string;
}

const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const CNI_FOLDERS = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni'];

const PROGRAMS: readonly MissingRequirement[] = [
  { name: 'runc', why: 'runs the containers', package: 'runc' },
  { name: 'conmon', why: 'holds each container', package: 'conmon' },
  { name: 'nft', why: 'carries container networks and services', package: 'nftables' },
  { name: 'ip', why: 'sets up network namespaces', package: 'iproute2' },
  { name: 'unshare', why: 'makes network namespaces', package: 'util-linux' },
  { name: 'setsid', why: 'gives terminals to exec', package: 'util-linux' },
  { name: 'sync', why: 'makes unpacked layers durable', package: 'coreutils' },
];

/** Where the programs are that the engine runs. */
export interface EnginePrograms {
  runc: string;
  conmon: string;
  cniFolder: string;
  /** Global flags of the runtime, without their dashes. */
  runtimeFlags?: readonly string[];
  /** What conmon and the exit command have beside a PATH. */
  conmonEnvironment?: Readonly<Record<string, string>>;
}

/** What this host lacks to run containers; images work without any of it. */
export async function engineRequirements(): Promise<{ missing: MissingRequirement[] }> {
  const missing: MissingRequirement[] = [];
  if (process.geteuid?.() !== 0)
    missing.push({ name: 'root', why: 'mounts and namespaces need it', package: '' });
  for (const program of PROGRAMS) if ((await findProgram(program.name)) === undefined) missing.push(program);
  // An ordinary user's networks are made without them.
  for (const plugin of rootlessFacts().isRootless ? [] : ['bridge', 'host-local'])
    if ((await findCniFolder(plugin)) === undefined)
      missing.push({
        name: `CNI plugin ${plugin}`,
        why: 'gives containers an address',
        package: 'containernetworking-plugins',
      });
  const systems = await readFile('/proc/filesystems', 'utf8');
  // A module that can be loaded on demand is not listed yet; the first mount tells.
  if (!/\toverlay$/m.test(systems) && !(await canLoadOverlay()))
    missing.push({ name: 'overlayfs', why: 'the root file systems of containers', package: '' });
  return { missing };
}

/** @throws OrreryError EngineUnavailable naming everything that is missing. */
export async function requirePrograms(): Promise<EnginePrograms> {
  const { missing } = await engineRequirements();
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((one) => one.package).filter((name) => name !== ''))];
    throw new OrreryError(
      'EngineUnavailable',
      `this host cannot run containers: missing ${missing.map((one) => `${one.name} (${one.why})`).join(', ')}`,
      {
        details: { missing },
        ...(packages.length > 0 && { hint: `apt-get install ${packages.join(' ')}` }),
      },
    );
  }
  return {
    runc: (await findProgram('runc'))!,
    conmon: (await findProgram('conmon'))!,
    cniFolder: (await findCniFolder('bridge')) ?? '',
  };
}

async function findProgram(name: string): Promise<string | undefined> {
  return await firstExecutable(FOLDERS.map((folder) => join(folder, name)));
}

async function findCniFolder(plugin: string): Promise<string | undefined> {
  const path = await firstExecutable(CNI_FOLDERS.map((folder) => join(folder, plugin)));
  return path?.slice(0, -plugin.length - 1);
}

async function firstExecutable(candidates: readonly string[]): Promise<string | undefined> {
  for (const candidate of candidates) {
    try {
      await access(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not here: the next folder is asked, and "nowhere" is what the caller reports.
    }
  }
  return undefined;
}

async function canLoadOverlay(): Promise<boolean> {
  const release = await readFile('/proc/sys/kernel/osrelease', 'utf8');
  try {
    return /\/overlay\.ko/.test(await readFile(`/lib/modules/${release.trim()}/modules.dep`, 'utf8'));
  } catch {
    // No module tree: then only what is built in counts.
    return false;
  }
}
