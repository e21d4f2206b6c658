import { Option } from 'commander';

/** As kube-apiserver's flags; what they mean is read in request-limits.ts. */
export function requestLimitOptions(): Option[] {
  return [
    new Option('--max-requests-inflight <n>', 'with the next, how many requests run at once (default 400)'),
    new Option(
      '--max-mutating-requests-inflight <n>',
      'seats of priority and fairness are both (default 200)',
    ),
    new Option('--enable-priority-and-fairness <bool>', 'false: only the two caps (default true)'),
    new Option('--request-timeout <duration>', 'of what is no watch, log or stream (default 1m0s)'),
    new Option('--min-request-timeout <seconds>', 'a watch lives one to two of these (default 1800)'),
    new Option(
      '--goaway-chance <p>',
      'share of HTTP/2 requests told to connect anew, up to 0.02 (default 0)',
    ),
    new Option(
      '--shutdown-delay-duration <duration>',
      'how long /readyz says no before the end (default 0s)',
    ),
    new Option(
      '--logical-cluster-total-object-limit <n>',
      'of all kinds in a workspace, but root (default 0: any number)',
    ),
  ];
}

export function auditOptions(): Option[] {
  return [
    new Option('--audit-policy-file <file>', "Kubernetes' audit Policy: which requests are written down"),
    new Option('--audit-log-path <file>', 'the file they are written to, or -'),
    new Option('--audit-log-maxsize <megabytes>', 'a file over it is renamed (default 100)'),
    new Option('--audit-log-maxbackup <n>', 'how many renamed ones are kept, 0 for all (default 10)'),
    new Option('--audit-log-maxage <days>', 'how long, 0 for ever (default 0)'),
    new Option(
      '--audit-log-mode <mode>',
      'batch, or blocking: no answer before its event is in the file (default batch)',
    ),
    new Option('--audit-log-format <format>', 'json, which it is without being told'),
  ];
}
