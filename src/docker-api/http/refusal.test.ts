import { expect, test } from 'vitest';
import { AlreadyExists, BadRequest, Conflict, NotFound, OrreryError } from '../../base/index.ts';
import { publicMessage, Refusal, statusOf } from './refusal.ts';

test.each([
  [new NotFound('x'), 404],
  [new AlreadyExists('x'), 409],
  [new Conflict('x'), 409],
  [new BadRequest('x'), 400],
  [new Refusal(503, 'x'), 503],
  [new OrreryError('Unauthorized', 'x'), 401],
  [new OrreryError('ImagePullFailed', 'x'), 500],
  [new TypeError('x'), 500],
])('%o is %i', (error, status) => {
  expect(statusOf(error)).toBe(status);
});

test('a fault of ours is told without its words', () => {
  expect(publicMessage(new TypeError('cannot read secret'))).toBe('internal error');
  expect(publicMessage(Object.assign(new Error('open /x'), { code: 'ENOSPC' }))).toBe(
    'internal error (ENOSPC)',
  );
  expect(publicMessage(new NotFound('no such thing', { hint: 'make it' }))).toBe('no such thing: make it');
});
