import { expect, test } from 'vitest';
import type { corev1 } from '../../kube/index.ts';
import { hostsFile, podHostname, resolvConf } from './etc-files.ts';

function podOf(spec: Partial<corev1.PodSpec>): corev1.Pod {
  return { metadata: { name: 'web-1', namespace: 'shop' }, spec } as corev1.Pod;
}

test('the hosts file is the kubelet’s', () => {
  const pod = podOf({ subdomain: 'db', hostname: 'primary' });
  const text = hostsFile({
    podIPs: ['10.42.0.7'],
    hostname: podHostname(pod, 'cluster.local'),
    aliases: [{ ip: '192.0.2.9', hostnames: ['a.example', 'b.example'] }],
  });
  expect(text).toBe(
    [
      '# Kubernetes-managed hosts file.',
      '127.0.0.1\tlocalhost',
      '::1\tlocalhost ip6-localhost ip6-loopback',
      'fe00::0\tip6-localnet',
      'fe00::0\tip6-mcastprefix',
      'fe00::1\tip6-allnodes',
      'fe00::2\tip6-allrouters',
      '10.42.0.7\tprimary.db.shop.svc.cluster.local\tprimary',
      '',
      '# Entries added by HostAliases.',
      '192.0.2.9\ta.example\tb.example',
      '',
    ].join('\n'),
  );
});

test('on the host’s network the host’s own entries stand', () => {
  const text = hostsFile({
    podIPs: [],
    hostname: { hostname: 'x' },
    aliases: [],
    hostContent: '127.0.0.1 sun\n',
  });
  expect(text).toBe('# Kubernetes-managed hosts file (host network).\n127.0.0.1 sun\n');
});

test('a long pod name is cut to a host name', () => {
  const pod = podOf({});
  pod.metadata.name = `${'a'.repeat(62)}-b`;
  expect(podHostname(pod, 'cluster.local').hostname).toBe('a'.repeat(62));
});

const hostContent = 'search lan\nnameserver 192.0.2.53\noptions edns0\n';

test('without a cluster DNS, ClusterFirst is the node’s configuration', () => {
  const text = resolvConf({ pod: podOf({}), hostContent, clusterDns: [], clusterDomain: 'cluster.local' });
  expect(text).toBe('search lan\nnameserver 192.0.2.53\noptions edns0\n');
});

test('with one, it asks that and searches the cluster’s domains', () => {
  const text = resolvConf({
    pod: podOf({ dnsPolicy: 'ClusterFirst' }),
    hostContent,
    clusterDns: ['10.43.0.10'],
    clusterDomain: 'cluster.local',
  });
  expect(text).toBe(
    'search shop.svc.cluster.local svc.cluster.local cluster.local lan\nnameserver 10.43.0.10\noptions ndots:5\n',
  );
});

test('dnsPolicy None takes dnsConfig alone', () => {
  const pod = podOf({
    dnsPolicy: 'None',
    dnsConfig: { nameservers: ['192.0.2.1'], searches: ['x'], options: [{ name: 'ndots', value: '2' }] },
  });
  expect(resolvConf({ pod, hostContent, clusterDns: ['10.43.0.10'], clusterDomain: 'c' })).toBe(
    'search x\nnameserver 192.0.2.1\noptions ndots:2\n',
  );
});
