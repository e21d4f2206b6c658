import { BadRequest } from '../../base/index.ts';
import { matchesLabels } from '../filters/label-filter.ts';
import { untilTimeMs } from '../filters/until-filter.ts';
import type { Filters, VolumeConfig } from '../libpod.ts';

type Test = (volume: VolumeConfig) => boolean;

/** podman-volume-ls(1), --filter: values of one key are alternatives for names, and all must fit for labels. @throws BadRequest */
export function volumeFilter(
  filters: Filters,
  options: { nowMs: number; isUsed: Test; forPrune?: boolean },
): Test {
  const tests = Object.entries(filters).map(([key, values]) => testFor(key, values, options));
  return (volume) => tests.every((test) => test(volume));
}

function testFor(
  key: string,
  values: string[],
  options: { nowMs: number; isUsed: Test; forPrune?: boolean },
): Test {
  switch (key) {
    case 'label':
      return (volume) => matchesLabels(values, volume.Labels);
    case 'label!':
      return (volume) => !matchesLabels(values, volume.Labels);
    case 'until': {
      const untilMs = Math.min(...values.map((value) => untilTimeMs(value, options.nowMs)));
      return (volume) => Date.parse(volume.CreatedAt) < untilMs;
    }
    case 'all':
      // Docker's word for volumes that people have named: those go with Podman anyway.
      if (options.forPrune) return () => true;
  }
  if (options.forPrune) throw new BadRequest(`${JSON.stringify(key)} is an invalid volume filter`);
  switch (key) {
    case 'name': {
      const names = values.map((value) => pattern(value));
      return (volume) => names.some((name) => name.test(volume.Name));
    }
    case 'driver':
      return (volume) => values.includes(volume.Driver);
    case 'scope':
      return (volume) => values.includes(volume.Scope);
    case 'opt':
      return (volume) => values.every((value) => hasOption(volume, value));
    case 'dangling': {
      const wanted = values.map((value) => danglingValue(value));
      return (volume) => wanted.every((one) => one !== options.isUsed(volume));
    }
    default:
      throw new BadRequest(`${JSON.stringify(key)} is an invalid volume filter`);
  }
}

function hasOption(volume: VolumeConfig, wanted: string): boolean {
  const [name = '', ...rest] = wanted.split('=');
  const held = volume.Options[name];
  return held !== undefined && (rest.join('=') === '' || held === rest.join('='));
}

function danglingValue(text: string): boolean {
  if (/^(?:true|1)$/i.test(text)) return true;
  if (/^(?:false|0)$/i.test(text)) return false;
  throw new BadRequest(
    `${JSON.stringify(text)} is not a valid value for the "dangling" filter - must be true or false`,
  );
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (cause) {
    throw new BadRequest(`error parsing regexp: ${JSON.stringify(text)}`, { cause });
  }
}
