import { readFile } from 'node:fs/promises';
import { BadRequest, messageOf } from '../../base/index.ts';
import { ConfigurationFields, inConfigurationFile, parseConfiguration } from '../configuration-fields.ts';

export interface EncryptionKey {
  name: string;
  secret: Buffer;
}

/** How values are written and read; `identity` leaves them as they are. */
export type EncryptionProvider =
  | { type: 'aesgcm' | 'aescbc'; keys: readonly EncryptionKey[] }
  | { type: 'identity' };

/** `secrets`, `deployments.apps`, `*.apps`, `*.` (core), `*.*` → its providers; the first writes, each can read. */
export type EncryptionConfiguration = ReadonlyMap<string, readonly EncryptionProvider[]>;

const API_VERSION = 'apiserver.config.k8s.io/v1';
const KEY_BYTES = [16, 24, 32];
const ALL_CORE = '*.';
const ALL = '*.*';

/** The configuration in a file. @throws BadRequest when it cannot be read, or naming the field that is wrong. */
export async function readEncryptionConfiguration(file: string): Promise<EncryptionConfiguration> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    const why = `error opening encryption provider configuration file ${JSON.stringify(file)}`;
    throw new BadRequest(`${why}: ${messageOf(cause)}`, { cause });
  }
  if (text === '')
    throw new BadRequest(`encryption provider configuration file ${JSON.stringify(file)} is empty`);
  return inConfigurationFile(file, () => parseEncryptionConfiguration(text));
}

/**
 * Kubernetes' EncryptionConfiguration, YAML or JSON. `kms` (a plug-in of a cloud) and `secretbox` (XSalsa20, which
 * Node's cryptography has not) are refused by name.
 * Source: k8s.io/apiserver/pkg/apis/apiserver/validation/validation_encryption.go, server/options/encryptionconfig.
 *
 * @throws BadRequest naming the field.
 */
export async function parseEncryptionConfiguration(text: string): Promise<EncryptionConfiguration> {
  const document = await parseConfiguration(text, 'the encryption configuration');
  const root = new ConfigurationFields(document, '', 'the encryption configuration');
  const [apiVersion, kind] = [root.text('apiVersion'), root.text('kind')];
  if (apiVersion !== API_VERSION || kind !== 'EncryptionConfiguration')
    throw new BadRequest(
      `the encryption configuration must be an EncryptionConfiguration of ${API_VERSION}, not ${JSON.stringify(kind ?? '')} of ${JSON.stringify(apiVersion ?? '')}`,
    );
  const entries = root.list('resources');
  if (entries.length === 0) root.missing('resources', 'at least one resources is required');
  root.end();
  const configuration = new Map<string, readonly EncryptionProvider[]>();
  for (const entry of entries) {
    const resources = resourcesOf(entry);
    const list = entry.list('providers');
    if (list.length === 0) entry.missing('providers', `at least one ${entry.path('providers')} is required`);
    const providers = list.map(providerOf);
    entry.end();
    for (const resource of resources) {
      refuseMasked(resource, configuration);
      configuration.set(resource, [...(configuration.get(resource) ?? []), ...providers]);
    }
  }
  return configuration;
}

function resourcesOf(entry: ConfigurationFields): string[] {
  const at = entry.path('resources');
  const resources = entry
    .texts('resources')
    .map((name) => (/^[^.*]+\.$/.test(name) ? name.slice(0, -1) : name));
  if (resources.length === 0) entry.missing('resources', `at least one ${at} is required`);
  const invalid = (path: string, value: unknown, why: string) =>
    new BadRequest(`${path}: Invalid value: ${JSON.stringify(value)}: ${why}`);
  if (new Set(resources).size < resources.length)
    throw invalid(at, resources, 'the same resource cannot be specified multiple times');
  if (resources.some((one) => resources.some((other) => one !== other && wildcardsOf(one).includes(other))))
    throw invalid(
      at,
      resources,
      "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked",
    );
  for (const [index, name] of resources.entries()) {
    const why = whyNotResource(name);
    if (why !== undefined) throw invalid(`${at}[${index}]`, name, why);
  }
  return resources;
}

function whyNotResource(name: string): string | undefined {
  const [resource, group] = splitResource(name);
  if (name !== name.toLowerCase()) return 'resource name should not contain capital letters';
  if (name === '*')
    return "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources";
  if (['apiserveripinfo', 'serviceipallocations', 'servicenodeportallocations'].includes(name))
    return 'resources which do not have REST API/s cannot be encrypted';
  if (group === 'events.k8s.io')
    return "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file";
  if (group === 'extensions') return "'extensions' group has been removed and cannot be used for encryption";
  if (group === '*' && resource !== '*') return 'encrypting the same resource across groups is not supported';
  return undefined;
}

/** The wildcards that stand for a name too, nearest first. */
export function wildcardsOf(name: string): string[] {
  const [, group] = splitResource(name);
  return [group === '' ? ALL_CORE : `*.${group}`, ALL].filter((one) => one !== name);
}

function splitResource(name: string): [resource: string, group: string] {
  const dot = name.indexOf('.');
  return dot < 0 ? [name, ''] : [name.slice(0, dot), name.slice(dot + 1)];
}

function refuseMasked(resource: string, before: EncryptionConfiguration): void {
  const earlier = wildcardsOf(resource).find((one) => before.has(one));
  if (earlier !== undefined)
    throw new BadRequest(
      `resource ${JSON.stringify(resource)} is masked by earlier rule ${JSON.stringify(earlier)}`,
    );
}

function providerOf(entry: ConfigurationFields): EncryptionProvider {
  const [aesgcm, aescbc, identity] = ['aesgcm', 'aescbc', 'identity'].map((name) => entry.object(name));
  const [kms, secretbox] = ['kms', 'secretbox'].map((name) => entry.object(name));
  const given = [aesgcm, aescbc, identity, kms, secretbox].filter((one) => one !== undefined);
  const invalid = (why: string) => new BadRequest(`${entry.path('').slice(0, -1)}: Invalid value: ${why}`);
  entry.end();
  if (given.length === 0)
    throw invalid(
      'provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity',
    );
  if (given.length > 1)
    throw invalid(
      'more than one provider specified in a single element, should split into different list elements',
    );
  if (kms !== undefined) entry.refuse('there are no KMS plug-ins here', 'kms');
  if (secretbox !== undefined) entry.refuse("Node's cryptography has no XSalsa20; use aesgcm", 'secretbox');
  if (identity !== undefined) {
    identity.end();
    return { type: 'identity' };
  }
  return { type: aesgcm === undefined ? 'aescbc' : 'aesgcm', keys: keysOf((aesgcm ?? aescbc)!) };
}

function keysOf(provider: ConfigurationFields): EncryptionKey[] {
  const keys = provider.list('keys');
  if (keys.length === 0) provider.missing('keys', 'at least one keys is required');
  provider.end();
  return keys.map((key) => {
    const name = key.text('name') || key.missing('name', 'name is a mandatory field for a key');
    const text = key.text('secret') || key.missing('secret', 'secret is a mandatory field for a key');
    key.end();
    const refuse = (why: string) =>
      new BadRequest(`${key.path('secret')}: Invalid value: "REDACTED": ${why}`);
    if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text))
      throw refuse('secrets must be base64 encoded');
    const secret = Buffer.from(text, 'base64');
    if (!KEY_BYTES.includes(secret.length))
      throw refuse(
        `secret is not of the expected length, got ${secret.length}, expected one of [${KEY_BYTES.join(' ')}]`,
      );
    return { name, secret };
  });
}
