import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { BadRequest, messageOf } from '../../base/index.ts';
import {
  isPodSecurityLevel,
  isPodSecurityVersion,
  type PodSecurityLevel,
  type PodSecurityMode,
} from '../../kube/index.ts';
import {
  ConfigurationFields as Fields,
  inConfigurationFile,
  parseConfiguration,
} from '../configuration-fields.ts';
import type { LimitedResource } from './limited-resources.ts';
import type { PodSecurityConfiguration } from './pod-security.ts';

/** What an administrator's AdmissionConfiguration says about single plug-ins. */
export interface PluginConfigurations {
  podSecurity?: PodSecurityConfiguration;
  /** ResourceQuota: what may be used only where a quota speaks of it. */
  limitedResources?: readonly LimitedResource[];
}

const WHAT = 'the admission configuration';
const MODES: readonly PodSecurityMode[] = ['enforce', 'audit', 'warn'];

/**
 * Kubernetes' AdmissionConfiguration, YAML or JSON. Plug-ins that take no configuration here are refused by name.
 * Source: k8s.io/apiserver/pkg/admission/config.go, k8s.io/pod-security-admission/admission/api.
 *
 * @throws BadRequest when a file cannot be read, or naming the field that is wrong.
 */
export async function readAdmissionConfiguration(file: string): Promise<PluginConfigurations> {
  const document = await readYaml(file);
  return inConfigurationFile(file, () => parseAdmissionConfiguration(document, file));
}

async function parseAdmissionConfiguration(document: unknown, file: string): Promise<PluginConfigurations> {
  const root = new Fields(document, '', WHAT);
  checkKind(root, 'AdmissionConfiguration', 'apiserver.config.k8s.io', ['v1', 'v1alpha1']);
  const found: PluginConfigurations = {};
  for (const plugin of root.list('plugins')) {
    const name = plugin.required('name');
    const path = plugin.text('path');
    const fields =
      plugin.object('configuration') ??
      (path === undefined
        ? undefined
        : new Fields(await readYaml(resolve(dirname(file), path)), '', `the configuration of ${name}`));
    plugin.end();
    if (fields === undefined) continue;
    if (name === 'PodSecurity') found.podSecurity = podSecurityOf(fields);
    else if (name === 'ResourceQuota') found.limitedResources = limitedResourcesOf(fields);
    else throw new BadRequest(`${plugin.path('name')}: a configuration of ${name} is not supported`);
  }
  root.end();
  return found;
}

async function readYaml(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new BadRequest(
      `unable to read admission control configuration from ${JSON.stringify(file)} [${messageOf(cause)}]`,
      { cause },
    );
  }
  return parseConfiguration(text, `${WHAT} ${JSON.stringify(file)}`);
}

function checkKind(fields: Fields, kind: string, group: string, versions: readonly string[]): void {
  const [apiVersion, found] = [fields.text('apiVersion'), fields.text('kind')];
  if (found !== kind || !versions.some((version) => apiVersion === `${group}/${version}`))
    throw new BadRequest(
      `${WHAT} must hold an object of kind ${kind} of ${group}/v1, not ${JSON.stringify(found ?? '')} of ${JSON.stringify(apiVersion ?? '')}`,
    );
}

function podSecurityOf(fields: Fields): PodSecurityConfiguration {
  checkKind(fields, 'PodSecurityConfiguration', 'pod-security.admission.config.k8s.io', [
    'v1',
    'v1beta1',
    'v1alpha1',
  ]);
  const defaults = fields.object('defaults');
  const exemptions = fields.object('exemptions');
  const configuration: PodSecurityConfiguration = {
    defaults: Object.fromEntries(MODES.map((mode) => [mode, levelOf(defaults, mode)])) as Record<
      PodSecurityMode,
      PodSecurityLevel
    >,
    exemptions: {
      usernames: exemptions?.texts('usernames') ?? [],
      runtimeClasses: exemptions?.texts('runtimeClasses') ?? [],
      namespaces: exemptions?.texts('namespaces') ?? [],
    },
  };
  for (const part of [defaults, exemptions, fields]) part?.end();
  return configuration;
}

function limitedResourcesOf(fields: Fields): LimitedResource[] {
  const [kind, version] = [fields.text('kind'), fields.text('apiVersion')];
  const versions = ['apiserver.config.k8s.io/v1', 'resourcequota.admission.k8s.io/v1beta1'];
  if (
    !['ResourceQuotaConfiguration', 'Configuration'].includes(kind ?? '') ||
    !versions.includes(version ?? '')
  )
    throw new BadRequest(`${WHAT} of ResourceQuota must be a ResourceQuotaConfiguration of ${versions[0]}`);
  const limited = fields.list('limitedResources').map((one) => {
    const scopes = one.list('matchScopes').map((scope) => {
      const found = {
        scopeName: scope.required('scopeName'),
        operator: scope.required('operator'),
        values: scope.texts('values'),
      };
      scope.end();
      return found;
    });
    const found = {
      apiGroup: one.text('apiGroup') ?? '',
      resource: one.required('resource'),
      matchContains: one.texts('matchContains'),
      matchScopes: scopes,
    };
    one.end();
    return found;
  });
  fields.end();
  return limited;
}

function levelOf(defaults: Fields | undefined, mode: PodSecurityMode): PodSecurityLevel {
  const level = defaults?.text(mode) || 'privileged';
  const version = defaults?.text(`${mode}-version`) || 'latest';
  if (!isPodSecurityLevel(level))
    throw new BadRequest(
      `${defaults?.path(mode)}: Invalid value: ${JSON.stringify(level)}: must be one of privileged, baseline, restricted`,
    );
  if (!isPodSecurityVersion(version))
    throw new BadRequest(
      `${defaults?.path(`${mode}-version`)}: Invalid value: ${JSON.stringify(version)}: must be "latest" or "v1.x"`,
    );
  return { level, version };
}
