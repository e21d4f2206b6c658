import type { AdmissionRequest } from '../admission/admission.ts';

/** Which webhook of a request it is, in which round. */
export interface WebhookPlace {
  kind: 'mutating' | 'validating';
  configuration: string;
  webhook: string;
  round: 0 | 1;
  index: number;
}

const PREFIXES = {
  mutating: 'mutation.webhook.admission.k8s.io/',
  validating: 'validating.webhook.admission.k8s.io/',
};

/** A webhook could not be had, which was ignored; k8s.io/apiserver/pkg/admission/plugin/webhook. */
export function noteFailedOpen(
  request: AdmissionRequest,
  { kind, webhook, round, index }: WebhookPlace,
): void {
  request.annotate?.(`failed-open.${PREFIXES[kind]}round_${round}_index_${index}`, webhook);
}

/** Whether a mutating webhook changed the object. */
export function noteMutation(
  request: AdmissionRequest,
  { configuration, webhook, round, index }: WebhookPlace,
  mutated: boolean,
): void {
  request.annotate?.(
    `${PREFIXES.mutating}round_${round}_index_${index}`,
    JSON.stringify({ configuration, webhook, mutated }),
  );
}
