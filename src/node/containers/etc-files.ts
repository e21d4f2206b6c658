import type { corev1 } from '../../kube/index.ts';

/** Name and domain a pod sees itself under. */
export interface PodHostname {
  hostname: string;
  /** `<subdomain>.<namespace>.svc.<cluster domain>`, with a subdomain. */
  domain?: string;
}

const maximalHostname = 63;

/** https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-hostname-and-subdomain-fields */
export function podHostname(pod: corev1.Pod, clusterDomain: string): PodHostname {
  const { hostname, subdomain } = pod.spec;
  const short = (hostname || pod.metadata.name).slice(0, maximalHostname).replace(/[-.]+$/, '');
  if (!subdomain) return { hostname: short };
  return { hostname: short, domain: `${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}` };
}

/** /etc/hosts in the kubelet's form (pkg/kubelet/kubelet_pods.go), which programs and tests look for. */
export function hostsFile(options: {
  podIPs: readonly string[];
  hostname: PodHostname;
  aliases: readonly corev1.HostAlias[];
  /** The host's own file, for a pod on the host's network. */
  hostContent?: string;
}): string {
  const { podIPs, hostname, aliases, hostContent } = options;
  const lines: string[] = [];
  if (hostContent !== undefined) {
    lines.push('# Kubernetes-managed hosts file (host network).', hostContent.replace(/\n$/, ''));
  } else {
    lines.push(
      '# Kubernetes-managed hosts file.',
      '127.0.0.1\tlocalhost',
      '::1\tlocalhost ip6-localhost ip6-loopback',
      'fe00::0\tip6-localnet',
      'fe00::0\tip6-mcastprefix',
      'fe00::1\tip6-allnodes',
      'fe00::2\tip6-allrouters',
    );
    const fullName = hostname.domain === undefined ? '' : `${hostname.hostname}.${hostname.domain}\t`;
    for (const ip of podIPs) lines.push(`${ip}\t${fullName}${hostname.hostname}`);
  }
  if (aliases.length > 0) {
    lines.push('', '# Entries added by HostAliases.');
    for (const alias of aliases) lines.push([alias.ip, ...alias.hostnames].join('\t'));
  }
  return `${lines.join('\n')}\n`;
}

interface ResolverConfig {
  nameservers: string[];
  searches: string[];
  options: string[];
}

/**
 * /etc/resolv.conf. Without a DNS server in the cluster, ClusterFirst is what the kubelet makes of it then:
 * the node's own configuration.
 * https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-policy
 */
export function resolvConf(options: {
  pod: corev1.Pod;
  hostContent: string;
  clusterDns: readonly string[];
  clusterDomain: string;
}): string {
  const { pod, clusterDns, clusterDomain } = options;
  const { dnsPolicy = 'ClusterFirst', dnsConfig, hostNetwork } = pod.spec;
  const host = parseResolvConf(options.hostContent);
  const inCluster =
    clusterDns.length > 0 &&
    (dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && hostNetwork !== true));
  let config: ResolverConfig = host;
  if (dnsPolicy === 'None') config = { nameservers: [], searches: [], options: [] };
  else if (inCluster) {
    const services = `svc.${clusterDomain}`;
    config = {
      nameservers: [...clusterDns],
      searches: [`${pod.metadata.namespace}.${services}`, services, clusterDomain, ...host.searches],
      options: ['ndots:5'],
    };
  }
  if (dnsConfig) config = merge(config, dnsConfig);
  const lines: string[] = [];
  if (config.searches.length > 0) lines.push(`search ${config.searches.join(' ')}`);
  for (const server of config.nameservers) lines.push(`nameserver ${server}`);
  if (config.options.length > 0) lines.push(`options ${config.options.join(' ')}`);
  return `${lines.join('\n')}\n`;
}

function merge(config: ResolverConfig, more: corev1.PodDNSConfig): ResolverConfig {
  const options = new Map(config.options.map((option) => [option.split(':')[0]!, option]));
  for (const { name = '', value } of more.options ?? [])
    options.set(name, value === undefined ? name : `${name}:${value}`);
  return {
    nameservers: [...new Set([...config.nameservers, ...(more.nameservers ?? [])])],
    searches: [...new Set([...config.searches, ...(more.searches ?? [])])],
    options: [...options.values()],
  };
}

function parseResolvConf(content: string): ResolverConfig {
  const config: ResolverConfig = { nameservers: [], searches: [], options: [] };
  for (const line of content.split('\n')) {
    const [keyword, ...words] = line.trim().split(/\s+/);
    if (keyword === 'nameserver' && words[0] !== undefined) config.nameservers.push(words[0]);
    else if (keyword === 'search') config.searches = words;
    else if (keyword === 'options') config.options = words;
  }
  return config;
}
