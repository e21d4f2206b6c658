import { BlockList, isIPv4 } from 'node:net';
import { append, type FieldError } from '../../base/index.ts';
import type { networkingv1 } from '../types/index.generated.ts';
import { forbidden, invalid, invalidEach, notSupported, required } from './field-errors.ts';
import { cidr, portName, portNumber } from './formats.ts';
import { validateLabelSelector } from './label-selectors.ts';

/** k8s.io/kubernetes/pkg/apis/networking/validation.ValidateNetworkPolicySpec. */

const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const POLICY_TYPES = ['Egress', 'Ingress'];

export function validateNetworkPolicy({ spec }: networkingv1.NetworkPolicy): FieldError[] {
  const { podSelector, ingress = [], egress = [], policyTypes = [] } = spec ?? {};
  const errors = [
    ...validateLabelSelector(podSelector, 'spec.podSelector'),
    ...ingress.flatMap(({ ports, from }, index) =>
      validateRule({ ports, peers: from, peersName: 'from' }, `spec.ingress[${index}]`),
    ),
    ...egress.flatMap(({ ports, to }, index) =>
      validateRule({ ports, peers: to, peersName: 'to' }, `spec.egress[${index}]`),
    ),
  ];
  if (policyTypes.length > 2) {
    return [...errors, invalid('spec.policyTypes', policyTypes, 'may not specify more than two policyTypes')];
  }
  for (const [index, type] of policyTypes.entries()) {
    if (!POLICY_TYPES.includes(type)) {
      errors.push(notSupported(`spec.policyTypes[${index}]`, type, POLICY_TYPES));
    }
  }
  return errors;
}

interface Rule {
  ports: networkingv1.NetworkPolicyPort[] | undefined;
  peers: networkingv1.NetworkPolicyPeer[] | undefined;
  peersName: 'from' | 'to';
}

function validateRule({ ports, peers, peersName }: Rule, field: string): FieldError[] {
  return [
    ...(ports ?? []).flatMap((port, index) => validatePort(port, `${field}.ports[${index}]`)),
    ...(peers ?? []).flatMap((peer, index) => validatePeer(peer, `${field}.${peersName}[${index}]`)),
  ];
}

function validatePort({ protocol, port, endPort }: networkingv1.NetworkPolicyPort, field: string) {
  const errors: FieldError[] = [];
  if (protocol !== undefined && !PROTOCOLS.includes(protocol)) {
    errors.push(notSupported(`${field}.protocol`, protocol, PROTOCOLS));
  }
  const end = `${field}.endPort`;
  if (typeof port === 'number') {
    append(errors, invalidEach(`${field}.port`, port, portNumber(port)));
    if (endPort === undefined) return errors;
    if (endPort < port) errors.push(invalid(end, endPort, 'must be greater than or equal to `port`'));
    return [...errors, ...invalidEach(end, endPort, portNumber(endPort))];
  }
  if (endPort !== undefined) {
    const when = port === undefined ? 'not specified' : 'non-numeric';
    errors.push(invalid(end, endPort, `may not be specified when \`port\` is ${when}`));
  }
  if (port !== undefined) append(errors, invalidEach(`${field}.port`, port, portName(port)));
  return errors;
}

function validatePeer(peer: networkingv1.NetworkPolicyPeer, field: string): FieldError[] {
  const { podSelector, namespaceSelector, ipBlock } = peer;
  const errors = [
    ...validateLabelSelector(podSelector, `${field}.podSelector`),
    ...validateLabelSelector(namespaceSelector, `${field}.namespaceSelector`),
    ...(ipBlock === undefined ? [] : validateBlock(ipBlock, `${field}.ipBlock`)),
  ];
  const hasSelector = podSelector !== undefined || namespaceSelector !== undefined;
  if (!hasSelector && ipBlock === undefined) errors.push(required(field, 'must specify a peer'));
  if (hasSelector && ipBlock !== undefined) {
    errors.push(forbidden(field, 'may not specify both ipBlock and another peer'));
  }
  return errors;
}

function validateBlock(block: networkingv1.IPBlock, field: string): FieldError[] {
  const all = block.cidr ?? '';
  if (all === '') return [required(`${field}.cidr`)];
  const wrong = invalidEach(`${field}.cidr`, all, cidr(all));
  if (wrong.length > 0) return wrong;
  return (block.except ?? []).flatMap((except, index) => {
    const at = `${field}.except[${index}]`;
    const errors = invalidEach(at, except, cidr(except));
    if (errors.length > 0 || isStrictSubset(except, all)) return errors;
    return [invalid(at, except, 'must be a strict subset of `cidr`')];
  });
}

function isStrictSubset(inner: string, outer: string): boolean {
  const [innerAddress = '', innerBits] = inner.split('/');
  const [outerAddress = '', outerBits] = outer.split('/');
  const [innerFamily, outerFamily] = [familyOf(innerAddress), familyOf(outerAddress)];
  if (innerFamily !== outerFamily || Number(outerBits) >= Number(innerBits)) return false;
  const range = new BlockList();
  range.addSubnet(outerAddress, Number(outerBits), outerFamily);
  return range.check(innerAddress, innerFamily);
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6';
}
