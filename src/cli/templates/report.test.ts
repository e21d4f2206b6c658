import { expect, test } from 'vitest';
import { humanDuration } from '../../base/index.ts';
import { binarySize, humanSize } from './human-units.ts';
import { asksForJson, headersOf, renderReport } from './report.ts';
import { alignColumns } from './tab-writer.ts';
import { GoDuration, GoTime } from './times.ts';
import { goStruct } from './values.ts';

const ROWS = [
  goStruct('psReporter', { ID: '5ccf9fdf314d', Names: 'c1' }),
  goStruct('psReporter', { ID: '50c961cc2598', Names: 'a-name-of-many-letters' }),
];
const REPORT = {
  name: 'ps',
  rows: ROWS,
  columns: '{{.ID}}\t{{.Names}}',
  headers: headersOf(['ID', 'Names'], { ID: 'container id' }),
};

test('a list without a format has headers and columns of twelve or more', () => {
  expect(renderReport(REPORT)).toBe(
    'CONTAINER ID  NAMES\n5ccf9fdf314d  c1\n50c961cc2598  a-name-of-many-letters\n',
  );
});

test('table takes spaces and \\t for columns', () => {
  expect(renderReport({ ...REPORT, format: 'table {{.Names}} {{.ID}}' })).toBe(
    'NAMES                   CONTAINER ID\nc1                      5ccf9fdf314d\na-name-of-many-letters  50c961cc2598\n',
  );
});

test("a user's format has no headers, each row its line, and escapes are undone", () => {
  expect(renderReport({ ...REPORT, format: '{{.ID}}\\t{{.Names}}' })).toBe(
    '5ccf9fdf314d\tc1\n50c961cc2598\ta-name-of-many-letters\n',
  );
  expect(renderReport({ ...REPORT, format: '{{range .}}{{.Names}} {{end}}' })).toBe(
    'c1 a-name-of-many-letters \n',
  );
});

test('an escape inside of a string of the template is the template’s', () => {
  expect(renderReport({ ...REPORT, format: '{{"\\n"}}' })).toBe('\n\n');
});

test('a table shows control characters of the data, a template writes them', () => {
  const rows = [goStruct('psReporter', { ID: 'a', Names: 'x\x1b[2J\u009by\n\u202ez', Labels: { k: '\r' } })];
  const report = { ...REPORT, rows };
  expect(renderReport(report)).toBe('CONTAINER ID  NAMES\na             x\\x1b[2J\\u009by\\n\\u202ez\n');
  expect(renderReport({ ...report, format: 'table {{.ID}} {{.Labels}}' })).toContain('map[k:\\r]');
  expect(
    renderReport({ ...report, format: 'table {{.ID}}{{"\\t"}}{{upper .Names}}', hasNoHeading: true }),
  ).toBe('a           X\\x1b[2J\\u009bY\n\\u202eZ\n');
  expect(renderReport({ ...report, format: '{{.Names}}' })).toBe('x\x1b[2J\u009by\n\u202ez\n');
});

test('errors name the place in the template as Podman has it', () => {
  expect(() => renderReport({ ...REPORT, format: '{{.Foo}}' })).toThrow(
    `template: ps:1:13: executing "ps" at <.Foo>: can't evaluate field Foo in type psReporter`,
  );
});

test('json is asked for in several ways', () => {
  expect(['json', '{{json .}}', '{{ json }}', ' json '].map(asksForJson)).toEqual([true, true, true, true]);
  expect(['{{json .ID}}', 'table json', ''].map(asksForJson)).toEqual([false, false, false]);
});

test('a column is a run of lines that have a cell there', () => {
  expect(alignColumns('a\tb\tc\nno cells\naaaaaaaaaaaaaaa\tb\n')).toBe(
    'a           b           c\nno cells\naaaaaaaaaaaaaaa  b\n',
  );
});

test.each([
  [0, 'Less than a second'],
  [1_500, '1 second'],
  [59_000, '59 seconds'],
  [61_000, 'About a minute'],
  [3_500_000, '58 minutes'],
  [3_600_000, 'About an hour'],
  [172_800_000, '2 days'],
  [15 * 86_400_000, '2 weeks'],
  [70 * 86_400_000, '2 months'],
  [800 * 86_400_000, '2 years'],
])('%i ms ago is %s', (milliseconds, words) => {
  expect(humanDuration(milliseconds)).toBe(words);
});

test('sizes have the digits that Docker and Podman show', () => {
  expect([humanSize(0), humanSize(1_234_567), humanSize(1_234_567, 3), humanSize(999_999, 3)]).toEqual([
    ...['0B', '1.235MB', '1.23MB', '1e+03kB'],
  ]);
  expect([binarySize(1536), binarySize(32 << 20)]).toEqual(['1.5KiB', '32MiB']);
});

test('times and durations print as Go prints them', () => {
  expect(String(new GoTime('2026-11-22T18:56:28.607063610Z'))).toBe('2026-11-22 18:56:28.60706361 +0000 UTC');
  expect(String(new GoTime(undefined))).toBe('0001-01-01 00:00:00 +0000 UTC');
  expect(new GoTime('2026-11-22T18:06:08Z').format('Jan _2 2006 03:04:05PM')).toBe('Nov 22 2026 06:06:08PM');
  expect([0, 1500, 1.5e9, 90e9, 3_661e9].map((ns) => String(new GoDuration(ns)))).toEqual([
    ...['0s', '1.5µs', '1.5s', '1m30s', '1h1m1s'],
  ]);
});
