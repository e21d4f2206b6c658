import { expect, test } from 'vitest';
import { createTextLog } from './text-log.ts';

test('lines have logrus’ form, and those below the level are not written', () => {
  const lines: string[] = [];
  const log = createTextLog({ level: 'info', write: (line) => lines.push(line) }).with({ id: 'a1' });
  log.debug('not this');
  log.info('a "quoted" word', { path: '/a b', error: new Error('broken') });
  expect(lines.map((line) => line.replace(/time="[^"]+"/, 'time=T'))).toEqual([
    'time=T level=info msg="a \\"quoted\\" word" id=a1 path="/a b" error=broken\n',
  ]);
});
