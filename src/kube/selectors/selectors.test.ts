import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseFieldSelector } from './field-selector.ts';
import { labelSelectorAsSelector, parseLabelSelector, selectorFromLabels } from './label-selector.ts';

describe('parseLabelSelector', () => {
  test.each([
    ['', { a: 'b' }, true],
    ['app=web', { app: 'web' }, true],
    ['app==web', { app: 'web' }, true],
    ['app=web', { app: 'api' }, false],
    ['app=web', {}, false],
    ['app!=web', {}, true],
    ['app!=web', { app: 'web' }, false],
    ['app', { app: '' }, true],
    ['!app', { app: '' }, false],
    ['!app', {}, true],
    ['app in (web, api)', { app: 'api' }, true],
    ['app notin (web,api)', { app: 'db' }, true],
    ['app notin (web,api)', {}, true],
    ['app in (,web)', { app: '' }, true],
    ['x in (in)', { x: 'in' }, true],
    ['replicas>3', { replicas: '10' }, true],
    ['replicas<3', { replicas: '10' }, false],
    ['replicas>3', { replicas: 'many' }, false],
    ['app=web,tier in (a,b),!old', { app: 'web', tier: 'b' }, true],
    ['app=', { app: '' }, true],
  ])('%s on %j: %s', (text, labels, expected) => {
    expect(parseLabelSelector(text).matches(labels as Record<string, string>)).toBe(expected);
  });

  test('prints itself sorted by key', () => {
    expect(parseLabelSelector('z notin (b,a) , !y,x,b in (q),a==1').toString()).toBe(
      'a==1,b in (q),x,!y,z notin (a,b)',
    );
  });

  test.each([
    ['app in', "unable to parse requirement: found '' expected: '('"],
    ['app=web,', "found '', expected: identifier after ','"],
    ['=web', "found '=', expected: !, identifier, or 'end of string'"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a in (b c)', "unable to parse requirement: found 'c', expected: ',' or ')'"],
    ['a=b)', "found ')', expected: ',' or 'end of string'"],
    ['a>b', 'the value must be an integer'],
    ['-a=b', 'name part must consist of alphanumeric characters'],
    ['a=b_', 'a valid label must be an empty string or consist of alphanumeric characters'],
  ])('refuses %s', (text, message) => {
    expect(() => parseLabelSelector(text)).toThrow(message);
  });

  test('none matches nothing and an empty one everything', () => {
    expect(labelSelectorAsSelector(undefined).matches({ a: 'b' })).toBe(false);
    expect(labelSelectorAsSelector({}).matches({ a: 'b' })).toBe(true);
  });

  test('match expressions and labels are all asked for', () => {
    const selector = labelSelectorAsSelector({
      matchLabels: { app: 'web' },
      matchExpressions: [{ key: 'tier', operator: 'In', values: ['b', 'a'] }],
    });
    expect(selector.toString()).toBe('app=web,tier in (a,b)');
    expect(selector.matches({ app: 'web', tier: 'a' })).toBe(true);
    expect(selector.matches({ app: 'web' })).toBe(false);
  });

  const names = fc.stringMatching(/^[a-z][a-z0-9]{0,6}$/);
  const labels = fc.dictionary(names, names, { noNullPrototype: true });

  test('a selector made of labels matches every superset of them, and reads back from its text', () => {
    fc.assert(
      fc.property(labels, labels, (wanted, more) => {
        const selector = selectorFromLabels(wanted);
        expect(selector.matches({ ...more, ...wanted })).toBe(true);
        expect(parseLabelSelector(selector.toString()).toString()).toBe(selector.toString());
      }),
    );
  });

  test('in and notin are opposites', () => {
    fc.assert(
      fc.property(names, fc.array(names, { minLength: 1, maxLength: 4 }), labels, (key, values, set) => {
        const list = values.join(',');
        const inside = parseLabelSelector(`${key} in (${list})`).matches(set);
        expect(parseLabelSelector(`${key} notin (${list})`).matches(set)).toBe(!inside);
      }),
    );
  });

  test('any text is read or refused with BadRequest, never anything else', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab=!(),<> in') }), (text) => {
        try {
          parseLabelSelector(text);
        } catch (error) {
          expect((error as { code?: string }).code).toBe('BadRequest');
        }
      }),
    );
  });
});

describe('parseFieldSelector', () => {
  const get = (field: string) => ({ 'status.phase': 'Running', 'metadata.name': 'x,y' })[field];

  test.each([
    ['', true],
    ['status.phase=Running', true],
    ['status.phase==Running', true],
    ['status.phase!=Running', false],
    ['status.phase=Running,metadata.name=x\\,y', true],
    ['spec.nodeName=', true],
  ])('%s: %s', (text, expected) => {
    expect(parseFieldSelector(text).matches(get)).toBe(expected);
  });

  test('refuses what has no operator', () => {
    expect(() => parseFieldSelector('status.phase')).toThrow(
      "invalid selector: 'status.phase'; can't understand 'status.phase'",
    );
  });

  test('any value reads back from its escaped text', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const text = `f=${value.replaceAll(/[\\,=]/g, (character) => `\\${character}`)}`;
        const [requirement] = parseFieldSelector(text).requirements;
        expect(requirement).toEqual({ field: 'f', operator: '=', value });
      }),
    );
  });
});
