/** What Podman and Docker fall back to when the host has only resolvers that a container cannot reach. */
const PUBLIC_RESOLVERS = ['8.8.8.8', '8.8.4.4'];
const PUBLIC_IPV6_RESOLVERS = ['2001:4860:4860::8888', '2001:4860:4860::8844'];
/** The domain that names of containers are in, where a name server of ours answers. */
const CONTAINER_DOMAIN = 'dns.podman';

export interface ResolvConfContent {
  /** resolv.conf(5) of the host. */
  hostText: string;
  /** `--dns`, `--dns-search` (`.` for none), `--dns-option`: each wins over everything else of its kind. */
  servers: readonly string[];
  search: readonly string[];
  options: readonly string[];
  /** Where the network's own name server answers; empty: there is none. */
  ownServers: readonly string[];
  /** Of the program that carries its packets (slirp4netns). */
  wayOutServers: readonly string[];
  /** Resolvers on the host's loopback are reached too: the container is on the host's network. */
  isHostNetwork: boolean;
  hasIpv6: boolean;
}

/** resolv.conf(5) of a container. */
export function resolvConf(content: ResolvConfContent): string {
  const host = parse(content.hostText);
  const search = searchOf(content, host.search);
  const options = content.options.length > 0 ? content.options : host.options;
  return [
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...serversOf(content, host.servers).map((server) => `nameserver ${server}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
    '',
  ].join('\n');
}

function serversOf(content: ResolvConfContent, host: string[]): readonly string[] {
  if (content.servers.length > 0) return content.servers;
  if (content.ownServers.length > 0) return content.ownServers;
  if (content.wayOutServers.length > 0) return content.wayOutServers;
  if (content.isHostNetwork && host.length > 0) return host;
  const reached = host.filter((server) => !isLoopback(server) && (content.hasIpv6 || !server.includes(':')));
  if (reached.length > 0) return reached;
  return [...PUBLIC_RESOLVERS, ...(content.hasIpv6 ? PUBLIC_IPV6_RESOLVERS : [])];
}

function searchOf(content: ResolvConfContent, host: string[]): readonly string[] {
  if (content.search.length > 0) return content.search.includes('.') ? [] : content.search;
  const isServed = content.servers.length === 0 && content.ownServers.length > 0;
  return isServed ? [CONTAINER_DOMAIN, ...host] : host;
}

/** Whether only systemd-resolved's stub is named: its own list of real resolvers is the one to read. */
export function namesOnlyStub(hostText: string): boolean {
  const { servers } = parse(hostText);
  return servers.length > 0 && servers.every((server) => server === '127.0.0.53');
}

function parse(text: string) {
  const found = { servers: [] as string[], search: [] as string[], options: [] as string[] };
  for (const line of text.split('\n')) {
    const [word, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (word === 'nameserver' && values[0] !== undefined) found.servers.push(values[0]);
    // The last one counts (resolv.conf(5)).
    if (word === 'search' || word === 'domain') found.search = values.filter((value) => value !== '.');
    if (word === 'options') found.options.push(...values);
  }
  return found;
}

function isLoopback(server: string): boolean {
  return server.startsWith('127.') || server === '::1';
}
