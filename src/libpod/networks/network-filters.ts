import { BadRequest } from '../../base/index.ts';
import { matchesLabels } from '../filters/label-filter.ts';
import { untilTimeMs } from '../filters/until-filter.ts';
import type { Filters, NetworkConfig } from '../libpod.ts';

type Test = (network: NetworkConfig) => boolean;

/** podman-network-ls(1), --filter: name and id are regular expressions. @throws BadRequest */
export function networkFilter(
  filters: Filters,
  options: { nowMs: number; isUsed: Test; forPrune?: boolean },
): Test {
  const tests = Object.entries(filters).map(([key, values]) => testFor(key, values, options));
  return (network) => tests.every((test) => test(network));
}

function testFor(
  key: string,
  values: string[],
  options: { nowMs: number; isUsed: Test; forPrune?: boolean },
): Test {
  const patterns = () => values.map((value) => pattern(value));
  switch (key.toLowerCase()) {
    case 'label':
      return (network) => matchesLabels(values, network.Labels);
    case 'label!':
      return (network) => !matchesLabels(values, network.Labels);
    case 'until': {
      if (values.length !== 1) throw new BadRequest('specify exactly one timestamp for until');
      const untilMs = untilTimeMs(values[0]!, options.nowMs);
      return (network) => Date.parse(network.Created) < untilMs;
    }
  }
  if (options.forPrune === true) throw new BadRequest(`invalid filter ${JSON.stringify(key)}`);
  switch (key.toLowerCase()) {
    case 'name': {
      const names = patterns();
      return (network) => names.some((name) => name.test(network.Name));
    }
    case 'id': {
      const ids = patterns();
      return (network) => ids.some((id) => id.test(network.Id));
    }
    case 'driver':
      return (network) => values.includes(network.Driver);
    case 'dangling': {
      if (values.length > 1) throw new BadRequest('got more than one value for filter key "dangling"');
      const wanted = /^(?:true|1)$/i.test(values[0] ?? '');
      if (!wanted && !/^(?:false|0)$/i.test(values[0] ?? ''))
        throw new BadRequest(`invalid dangling filter value ${JSON.stringify(values[0] ?? '')}`);
      return (network) => options.isUsed(network) !== wanted;
    }
    default:
      throw new BadRequest(`invalid filter ${JSON.stringify(key)}`);
  }
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (cause) {
    throw new BadRequest(`error parsing regexp: ${JSON.stringify(text)}`, { cause });
  }
}
