import { readFile } from 'node:fs/promises';
import { text as textOf } from 'node:stream/consumers';
import { BadRequest, messageOf } from '../../base/index.ts';
import type { apisv1alpha1, Draft } from '../../kube/index.ts';
import { outputFormat } from '../output.ts';

export interface SnapshotFlags {
  /** `-` for standard input. */
  filename: string;
  prefix: string;
  output?: string;
}

/** What is read of a CustomResourceDefinition. */
export interface Definition {
  apiVersion?: string;
  kind?: string;
  metadata?: { name?: string };
  spec: Pick<apisv1alpha1.APIResourceSchemaSpec, 'group' | 'names' | 'scope'> & {
    versions: (Omit<apisv1alpha1.APIResourceVersion, 'schema'> & {
      schema?: { openAPIV3Schema?: apisv1alpha1.APIResourceVersion['schema'] };
    })[];
  };
}

const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** `kcp crd snapshot`: prints an APIResourceSchema for each CustomResourceDefinition. */
export async function snapshotCrd(flags: SnapshotFlags): Promise<void> {
  const format = outputFormat(flags.output ?? 'yaml');
  const source =
    flags.filename === '-'
      ? await textOf(process.stdin)
      : await readFile(flags.filename, 'utf8').catch((cause: unknown) => {
          throw new BadRequest(`error opening ${flags.filename}: ${messageOf(cause)}`, { cause });
        });
  const { parseAllDocuments, stringify } = await import('yaml');
  const documents = parseAllDocuments(source);
  if (!Array.isArray(documents)) throw new BadRequest(`${flags.filename} is empty`);
  let printed = '';
  for (const document of documents) {
    const [error] = document.errors;
    if (error !== undefined) throw new BadRequest(`${flags.filename}: ${error.message}`, { cause: error });
    const object = document.toJS() as Definition | null;
    if (object === null) continue;
    const schema = schemaOf(object, flags.prefix);
    printed += format === 'json' ? `${JSON.stringify(schema, null, 4)}\n` : stringify(schema);
    printed += '---\n';
  }
  process.stdout.write(printed);
}

/** @throws BadRequest for what is no CustomResourceDefinition, or gets no valid name */
export function schemaOf(definition: Definition, prefix: string): Draft<apisv1alpha1.APIResourceSchema> {
  const { apiVersion, kind, metadata, spec } = definition;
  if (apiVersion !== 'apiextensions.k8s.io/v1' || kind !== 'CustomResourceDefinition')
    throw new BadRequest(
      `${kind ?? 'no kind'} of ${apiVersion ?? 'no apiVersion'} is no CustomResourceDefinition`,
    );
  const name = `${prefix}.${metadata?.name ?? ''}`;
  if (name.length > 253 || !NAME.test(name))
    throw new BadRequest(
      `metadata.name: Invalid value: "${name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character`,
    );
  return {
    apiVersion: 'apis.kcp.io/v1alpha1',
    kind: 'APIResourceSchema',
    metadata: { name },
    spec: {
      group: spec.group,
      names: spec.names,
      scope: spec.scope,
      versions: spec.versions.map(({ name, served, storage, schema, subresources, ...rest }) => ({
        name,
        served,
        storage,
        ...(rest.deprecated !== undefined && { deprecated: rest.deprecated }),
        ...(rest.deprecationWarning !== undefined && { deprecationWarning: rest.deprecationWarning }),
        ...(rest.additionalPrinterColumns !== undefined && {
          additionalPrinterColumns: rest.additionalPrinterColumns,
        }),
        schema: schema?.openAPIV3Schema ?? {},
        subresources: subresources ?? {},
      })),
    },
  };
}
