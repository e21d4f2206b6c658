import { expect, test } from 'vitest';
import { isFolderName } from './local-path-folders.ts';

const VOLUME = 'pvc-0f8fad5b-d9cb-469f-a165-70867728950e';

test('a folder is named after its volume and its claim', () => {
  expect(isFolderName(`${VOLUME}_default_data-db-0`, VOLUME)).toBe(true);
  expect(isFolderName(`${VOLUME}_kube-system_my.claim`)).toBe(true);
});

test.each([
  '',
  '.',
  '..',
  'etc',
  VOLUME,
  `${VOLUME}_default_`,
  `${VOLUME}_default_../../etc`,
  `${VOLUME}_default_a/b`,
  `${VOLUME}_default_a\n`,
  `../${VOLUME}_default_a`,
  `pvc-_default_a`,
])('%j is not removed, whoever asks for it', (name) => {
  expect(isFolderName(name)).toBe(false);
});

test('nor is the folder of another volume', () => {
  expect(isFolderName(`${VOLUME}_default_data`, 'pvc-00000000-0000-0000-0000-000000000000')).toBe(false);
});
