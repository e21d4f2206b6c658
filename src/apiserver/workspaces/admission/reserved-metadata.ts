import type { AdmissionPlugin, AdmissionRequest } from '../../admission/admission.ts';
import { isPrivileged } from './privileged.ts';
import { refused } from './refusal.ts';

type Texts = Readonly<Record<string, string>>;

/** What other plug-ins guard. */
const CLAIM_LABELS = 'claimed.internal.apis.kcp.io/';

/**
 * Labels and annotations of kcp's own are changed by the system alone: those whose key ends in its domain, as there.
 * Source: kcp pkg/admission/reservedmetadata.
 */
export const reservedMetadata: AdmissionPlugin = {
  name: 'apis.kcp.io/ReservedMetadata',
  validate(request: AdmissionRequest): void {
    const { operation, object, oldObject, user } = request;
    if ((operation !== 'CREATE' && operation !== 'UPDATE') || object === undefined) return;
    for (const [what, next, old] of [
      ['annotation', object.metadata.annotations, oldObject?.metadata.annotations],
      ['label', object.metadata.labels, oldObject?.metadata.labels],
    ] as const) {
      const key = next === undefined && old === undefined ? undefined : changedKey(next ?? {}, old ?? {});
      if (key !== undefined && !isPrivileged(user))
        throw refused(request, `modification of reserved ${what}: ${JSON.stringify(key)}`);
    }
  },
};

function changedKey(next: Texts, old: Texts): string | undefined {
  const isChanged = (key: string) => isReserved(key) && next[key] !== old[key];
  return Object.keys(old).find(isChanged) ?? Object.keys(next).find(isChanged);
}

function isReserved(key: string): boolean {
  return key.endsWith('kcp.io') && !key.startsWith(CLAIM_LABELS);
}
