import type { TableColumn } from '../resource.ts';
import type { certificatesv1, certificatesv1beta1 } from '../types/index.generated.ts';
import { ageColumn, column, nameColumn } from './common-columns.ts';
import { humanDuration } from './human-duration.ts';

type Request = certificatesv1.CertificateSigningRequest;

/** k8s.io/kubernetes/pkg/printers/internalversion.extractCSRStatus. */
function condition({ status }: Request): string {
  const has = (type: string) => (status?.conditions ?? []).some((one) => one.type === type);
  const decision = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending';
  return [decision, ...(has('Failed') ? ['Failed'] : []), ...(status?.certificate ? ['Issued'] : [])].join(
    ',',
  );
}

export const certificateRequestColumns: readonly TableColumn[] = [
  nameColumn,
  ageColumn,
  column<Request>('SignerName', 'Who shall sign.', ({ spec }) => spec?.signerName || '<none>'),
  column<Request>('Requestor', 'Who asked.', ({ spec }) => spec?.username ?? ''),
  column<Request>('RequestedDuration', 'How long it shall be valid.', ({ spec }) =>
    spec?.expirationSeconds === undefined ? '<none>' : humanDuration(spec.expirationSeconds * 1000),
  ),
  column<Request>('Condition', 'What became of it.', condition),
];

export const trustBundleColumns: readonly TableColumn[] = [
  nameColumn,
  column<certificatesv1beta1.ClusterTrustBundle>(
    'SignerName',
    'Whose trust anchors these are.',
    ({ spec }) => spec?.signerName || '<none>',
  ),
];
