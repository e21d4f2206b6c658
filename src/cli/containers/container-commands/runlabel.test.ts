import { expect, test } from 'vitest';
import { expandLabel } from './runlabel.ts';
import { splitWords } from './shell-words.ts';

test('words are split as a shell does, without expansions', () => {
  expect(splitWords(`a 'b c' "d \\" e" f\\ g ''`)).toEqual(['a', 'b c', 'd " e', 'f g', '']);
  expect(splitWords("a 'b")).toBeUndefined();
});

test('NAME, IMAGE and options are filled in, and empty options leave no word', () => {
  const values = { IMAGE: 'localhost/x:latest', NAME: 'x', OPT1: '', OPT2: 'two' };
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the label's own variables.
  expect(expandLabel('podman run ${OPT1} -e NAME=${NAME} -e IMAGE=IMAGE IMAGE ${OPT2} NAME', values)).toEqual(
    [
      ...[
        'podman',
        'run',
        '-e',
        'NAME=x',
        '-e',
        'IMAGE=localhost/x:latest',
        'localhost/x:latest',
        'two',
        'x',
      ],
    ],
  );
});
