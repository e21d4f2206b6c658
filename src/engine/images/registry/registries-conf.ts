import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BadRequest, parseToml, type TomlTable, type TomlValue } from '../../../base/index.ts';
import { parseReference } from '../reference.ts';
import { isQualified, localReference } from '../short-names.ts';

/** containers-registries.conf(5), version 2. */
export interface RegistriesConf {
  unqualifiedSearchRegistries: string[];
  registries: RegistryRule[];
  /** Short name → whole name without a tag. */
  aliases: Map<string, string>;
}

interface RegistryRule extends Endpoint {
  prefix: string;
  blocked: boolean;
  mirrors: (Endpoint & { pullFromMirror: 'all' | 'digest-only' | 'tag-only' })[];
  mirrorByDigestOnly: boolean;
}

interface Endpoint {
  /** `host[:port][/path]`; what replaces the prefix. */
  location: string;
  insecure: boolean;
}

/** Where an image may be fetched from, best first. */
export interface ImageSource {
  host: string;
  path: string;
  insecure: boolean;
  isMirror: boolean;
}

export const NO_REGISTRIES: RegistriesConf = {
  unqualifiedSearchRegistries: ['docker.io'],
  registries: [],
  aliases: new Map(),
};

/** The file and those of `<file>.d`, later ones win. A file that is not there says nothing. @throws BadRequest */
export async function readRegistriesConf(file: string | undefined): Promise<RegistriesConf> {
  if (file === undefined) return NO_REGISTRIES;
  const conf: RegistriesConf = { unqualifiedSearchRegistries: [], registries: [], aliases: new Map() };
  let wasSet = false;
  for (const path of [file, ...(await dropIns(`${file}.d`))]) {
    const text = await readIfThere(path);
    if (text === undefined) continue;
    const table = parseToml(text, path);
    if (table['unqualified-search-registries'] !== undefined) wasSet = true;
    merge(conf, table, path);
  }
  if (!wasSet) conf.unqualifiedSearchRegistries = ['docker.io'];
  return conf;
}

function merge(conf: RegistriesConf, table: TomlTable, path: string): void {
  if (table.registries !== undefined && !Array.isArray(table.registries))
    throw new BadRequest(`${path} is in the first format of registries.conf, which is not supported`, {
      hint: 'write unqualified-search-registries and [[registry]]',
    });
  const search = table['unqualified-search-registries'];
  if (search !== undefined) conf.unqualifiedSearchRegistries = strings(search, path);
  for (const one of (table.registry as TomlTable[] | undefined) ?? []) {
    const rule = ruleOf(one, path);
    conf.registries = [...conf.registries.filter((other) => other.prefix !== rule.prefix), rule];
  }
  for (const [short, whole] of Object.entries((table.aliases as TomlTable | undefined) ?? {}))
    if (whole === '') conf.aliases.delete(short);
    else conf.aliases.set(short, String(whole));
}

function ruleOf(one: TomlTable, path: string): RegistryRule {
  const location = typeof one.location === 'string' ? one.location : '';
  const prefix = typeof one.prefix === 'string' && one.prefix !== '' ? one.prefix : location;
  if (prefix === '') throw new BadRequest(`${path}: a [[registry]] has neither prefix nor location`);
  return {
    prefix,
    location,
    insecure: one.insecure === true,
    blocked: one.blocked === true,
    mirrorByDigestOnly: one['mirror-by-digest-only'] === true,
    mirrors: ((one.mirror as TomlTable[] | undefined) ?? []).map((mirror) => {
      const pullFromMirror = (mirror['pull-from-mirror'] as string | undefined) ?? 'all';
      if (typeof mirror.location !== 'string' || !/^(?:all|digest-only|tag-only)$/.test(pullFromMirror))
        throw new BadRequest(`${path}: a mirror of ${prefix} has no location or an unknown pull-from-mirror`);
      return {
        location: mirror.location,
        insecure: mirror.insecure === true,
        pullFromMirror: pullFromMirror as 'all',
      };
    }),
  };
}

function strings(value: TomlValue, path: string): string[] {
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string'))
    throw new BadRequest(`${path}: unqualified-search-registries is not a list of strings`);
  return value;
}

/** The longest prefix that fits wins: of a host, a path in it, or `*.domain`. */
function ruleFor(conf: RegistriesConf, name: string): RegistryRule | undefined {
  return conf.registries
    .filter((rule) => prefixLength(rule.prefix, name) > 0)
    .sort((a, b) => b.prefix.length - a.prefix.length)[0];
}

function prefixLength(prefix: string, name: string): number {
  if (prefix.startsWith('*.')) {
    const host = name.split('/')[0]!;
    const [wantedHost, ...rest] = prefix.slice(1).split('/');
    if (!host.replace(/:\d+$/, '').endsWith(wantedHost!)) return 0;
    const wanted = [host, ...rest].join('/');
    return name === wanted || name.startsWith(`${wanted}/`) ? wanted.length : 0;
  }
  if (!name.startsWith(prefix)) return 0;
  return name.length === prefix.length || /[/:@]/.test(name[prefix.length]!) ? prefix.length : 0;
}

/** @throws BadRequest for a registry that is blocked. */
export function sourcesOf(conf: RegistriesConf, reference: string, forPush = false): ImageSource[] {
  const { domain, path, digest } = parseReference(reference);
  const name = `${domain}/${path}`;
  const rule = ruleFor(conf, name);
  if (rule === undefined) return [{ host: domain, path, insecure: false, isMirror: false }];
  if (rule.blocked) throw new BadRequest(`registry ${rule.prefix} is blocked in registries.conf`);
  const length = prefixLength(rule.prefix, name);
  const at = (endpoint: Endpoint, isMirror: boolean): ImageSource => {
    const whole = endpoint.location === '' ? name : `${endpoint.location}${name.slice(length)}`;
    const slash = whole.indexOf('/');
    return {
      host: whole.slice(0, slash),
      path: whole.slice(slash + 1),
      insecure: endpoint.insecure,
      isMirror,
    };
  };
  const mirrors = rule.mirrors.filter((mirror) => {
    if (forPush) return false;
    if (rule.mirrorByDigestOnly || mirror.pullFromMirror === 'digest-only') return digest !== undefined;
    return mirror.pullFromMirror !== 'tag-only' || digest === undefined;
  });
  return [...mirrors.map((mirror) => at(mirror, true)), at(rule, false)];
}

/** Whole names to try for a reference, in order. @throws BadRequest when there is none. */
export function namesToPull(conf: RegistriesConf, reference: string, defaultDomain?: 'docker.io'): string[] {
  if (isQualified(reference)) return [localReference(reference)];
  if (defaultDomain === 'docker.io') return [localReference(reference, 'docker.io')];
  const [, name, rest] = /^([^:@]+)(.*)$/.exec(reference) ?? [];
  const alias = conf.aliases.get(name ?? '');
  if (alias !== undefined) return [localReference(`${alias}${rest}`)];
  if (conf.unqualifiedSearchRegistries.length === 0)
    throw new BadRequest(
      `short-name "${reference}" did not resolve to an alias and no unqualified-search registries are defined`,
      { hint: 'name the registry too, or set unqualified-search-registries in registries.conf' },
    );
  return conf.unqualifiedSearchRegistries.map((registry) =>
    registry === 'docker.io'
      ? localReference(reference, 'docker.io')
      : localReference(`${registry}/${reference}`),
  );
}

async function dropIns(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder))
      .filter((name) => name.endsWith('.conf'))
      .sort()
      .map((name) => join(folder, name));
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** undefined when the file is not there. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
}
