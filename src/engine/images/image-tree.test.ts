import { expect, test } from 'vitest';
import { parentsOf } from './image-tree.ts';

const step = (created_by: string, empty_layer = false) => ({ created_by, empty_layer });

test('the parent is the longest that begins the image, one layer shorter at most', () => {
  const base = { id: 'base', diffIds: ['1'], history: [step('base')] };
  const middle = { id: 'middle', diffIds: ['1'], history: [step('base'), step('ENV', true)] };
  const child = { id: 'child', diffIds: ['1', '2'], history: [...middle.history, step('COPY')] };
  const stranger = { id: 'stranger', diffIds: ['9'], history: [step('base')] };
  const parents = parentsOf([base, middle, child, stranger]);
  expect(Object.fromEntries(parents)).toEqual({ middle: 'base', child: 'middle' });
});

test('images without history have neither parents nor children', () => {
  const images = [
    { id: 'a', diffIds: ['1'], history: [] },
    { id: 'b', diffIds: ['1', '2'], history: [] },
  ];
  expect(parentsOf(images).size).toBe(0);
});
