import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { generateDescriptions, readDeclaration } from '../scripts/generate-descriptions.ts';

const models = resolve(import.meta.dirname, '../node_modules/@kubernetes/client-node/dist/gen/models');

test('reads the comments of a declaration, of the class and its properties', () => {
  const source = `
/**
* A \\'thing\\'.
*/
export declare class V1Thing {
    /**
    * Its \\"name\\".
    */
    'name'?: string;
    'plain': number;
    static readonly discriminator: string | undefined;
}`;
  expect([...readDeclaration(source)]).toEqual([
    ['', "A 'thing'."],
    ['name', 'Its "name".'],
  ]);
});

test.skipIf(!existsSync(models))('describes the types of the field table', () => {
  const descriptions = generateDescriptions();
  expect(descriptions['core/v1.Pod']?.['']).toMatch(/^Pod is a collection of containers/);
  expect(descriptions['core/v1.Probe']?.exec).toBeUndefined();
  expect(descriptions['events/v1.Event']?.['']).not.toBe(descriptions['core/v1.Event']?.['']);
  expect(descriptions['meta/v1.ListMeta']?.continue).toMatch(/^continue may be set/);
});
