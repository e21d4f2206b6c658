import {
  allowsVerb,
  type apisv1alpha2,
  exportLabelValue,
  grantedClaim,
  type Resource,
} from '../../../kube/index.ts';
import type { StoredObjects } from '../../admission/admission.ts';
import { decodeText } from '../../http/messages.ts';
import { addressOf } from '../../storage/keys.ts';
import type { ObjectStorage } from '../../storage/object-storage.ts';
import { storedLabels } from '../../storage/stored-labels.ts';
import { APIS_GROUP } from './bound-apis.ts';
import type { Grant, GrantChange, Grants } from './granted-store.ts';

type Binding = apisv1alpha2.APIBinding;

export const EXPORT_LABEL = 'internal.apis.kcp.io/export';

/** An export, by where it is. */
export interface ExportAddress {
  cluster: string;
  name: string;
}

/** Whether a binding is to an export. */
export function isBoundTo({ spec, status }: Readonly<Binding>, { cluster, name }: ExportAddress): boolean {
  return status?.apiExportClusterName === cluster && spec.reference.export?.name === name;
}

/** The binding of a workspace to an export. */
export async function bindingTo(
  objects: StoredObjects,
  workspace: string,
  address: ExportAddress,
): Promise<Readonly<Binding> | undefined> {
  const all = await objects.list<Binding>({ group: APIS_GROUP, resource: 'apibindings' }, { workspace });
  return all.find(({ object }) => isBoundTo(object, address))?.object;
}

/** Bindings to the export itself, which its owner always sees. */
export function reflexiveGrants({ cluster, name }: ExportAddress): Grants {
  const value = exportLabelValue(cluster, name);
  return { of: async () => (labels) => labels?.[EXPORT_LABEL] === value };
}

/** What the consumers of an export have accepted of one of its claims. */
export class ClaimGrants implements Grants {
  readonly #parts: { objects: StoredObjects; storage: ObjectStorage; bindings: Resource };
  readonly #address: ExportAddress;
  readonly #claim: apisv1alpha2.PermissionClaim;
  readonly #verb: string;
  readonly #also: Grants | undefined;

  /** `also`: what is seen whatever has been accepted. */
  constructor(
    parts: { objects: StoredObjects; storage: ObjectStorage; bindings: Resource },
    about: ExportAddress & { claim: apisv1alpha2.PermissionClaim; verb: string; also?: Grants },
  ) {
    this.#parts = parts;
    this.#address = { cluster: about.cluster, name: about.name };
    this.#claim = about.claim;
    this.#verb = about.verb;
    this.#also = about.also;
  }

  async of(workspace: string): Promise<Grant> {
    const binding = await bindingTo(this.#parts.objects, workspace, this.#address);
    return this.#with(workspace, this.#grantOf(binding));
  }

  async *changes(after: number, signal: AbortSignal): AsyncGenerator<GrantChange> {
    const { storage, bindings } = this.#parts;
    const label = exportLabelValue(this.#address.cluster, this.#address.name);
    const prefix = storage.prefixOf(bindings, '*');
    for await (const { events } of storage.store.watch({ prefix, after, signal }))
      for (const { type, key, value, previous } of events) {
        if (storedLabels(value)?.[EXPORT_LABEL] !== label) continue;
        const { workspace } = addressOf(key);
        const read = (bytes: Uint8Array | undefined) =>
          this.#grantOf(bytes && (JSON.parse(decodeText(bytes)) as Binding));
        const before = await this.#with(workspace, read(previous));
        const now = await this.#with(workspace, type === 'delete' ? undefined : read(value));
        if (before !== undefined || now !== undefined) yield { workspace, before, now };
      }
  }

  #grantOf(binding: Readonly<Binding> | undefined): Grant {
    if (binding === undefined || !isBoundTo(binding, this.#address)) return undefined;
    const granted = grantedClaim(binding, this.#claim);
    return granted !== undefined && allowsVerb(granted, this.#verb) ? granted.matches : undefined;
  }

  async #with(workspace: string, grant: Grant): Promise<Grant> {
    const also = await this.#also?.of(workspace);
    if (also === undefined || grant === undefined) return also ?? grant;
    return (labels) => also(labels) || grant(labels);
  }
}
