import { BadRequest } from '../../base/index.ts';
import { builtinResources, kcpResources, type Resource } from '../../kube/index.ts';

/** What `--runtime-config` says: `api/beta`, `group/version` or `group/version/resource`, on or off. */
export type RuntimeConfig = ReadonlyMap<string, boolean>;

const FLAG = '--runtime-config';
const BETA = /^v\d+beta\d+$/;

/**
 * Reads `key=true|false` pairs with commas between them, as kube-apiserver does (a key alone means true). Only beta
 * versions may be switched off: Orrery itself needs the stable ones.
 *
 * @throws BadRequest for a key that names nothing built in, or a value that is neither.
 */
export function parseRuntimeConfig(text: string): RuntimeConfig {
  const config = new Map<string, boolean>();
  for (const pair of text.split(',').filter((one) => one !== '')) {
    const [key = '', value = 'true'] = pair.split('=').map((part) => part.trim());
    if (value !== 'true' && value !== 'false')
      throw new BadRequest(`${FLAG}: invalid value of ${key}=${value}, must be true or false`);
    checkKey(key, value === 'true');
    config.set(key, value === 'true');
  }
  return config;
}

function checkKey(key: string, isOn: boolean): void {
  if (key === 'api/beta' || (['api/all', 'api/ga'].includes(key) && isOn)) return;
  if (key === 'api/alpha' && !isOn) return;
  if (key === 'api/alpha') throw new BadRequest(`${FLAG}: there are no alpha versions to switch on`);
  const known = builtinResources.filter((resource) => keysOf(resource).includes(key));
  if (known.length === 0 && !['api/all', 'api/ga'].includes(key))
    throw new BadRequest(`${FLAG}: unknown api groups ${key}`);
  if (!isOn && !known.some(({ version }) => BETA.test(version)))
    throw new BadRequest(`${FLAG}: ${key} is stable and cannot be switched off`);
}

/**
 * Of two keys the more special one decides; beta versions are on when nothing is said, unlike upstream. kcp's kinds are
 * always there: workspaces are made of them.
 */
export function servedResources(config: RuntimeConfig): Resource[] {
  const kubernetes = builtinResources.filter((resource) => {
    const isBeta = BETA.test(resource.version);
    const said = keysOf(resource)
      .map((key) => config.get(key))
      .find((value) => value !== undefined);
    return said ?? (isBeta ? (config.get('api/beta') ?? true) : true);
  });
  return [...kubernetes, ...kcpResources];
}

/** Most special first. */
function keysOf({ group, version, name }: Resource): string[] {
  const groupVersion = group === '' ? version : `${group}/${version}`;
  return [`${groupVersion}/${name}`, groupVersion];
}
