import { expect, test } from 'vitest';
import { Gone, NotFound } from '../base/index.ts';
import {
  entityTooLarge,
  forbidden,
  objectConflict,
  objectExists,
  objectInvalid,
  objectNotFound,
} from './errors.ts';
import { statusOf } from './status.ts';

const deployments = { group: 'apps', name: 'deployments' };

test.each([
  [objectNotFound({ group: '', name: 'pods' }, 'x'), 404, 'NotFound', 'pods "x" not found'],
  [objectExists(deployments, 'x'), 409, 'AlreadyExists', 'deployments.apps "x" already exists'],
  [
    objectConflict(deployments, 'x'),
    409,
    'Conflict',
    'Operation cannot be fulfilled on deployments.apps "x": the object has been modified; please apply your changes to the latest version and try again',
  ],
  [new Gone('too old'), 410, 'Expired', 'too old'],
  [entityTooLarge(3145728), 413, 'RequestEntityTooLarge', 'Request entity too large: limit is 3145728'],
  [forbidden(deployments, 'x', 'no'), 403, 'Forbidden', 'deployments.apps "x" is forbidden: no'],
])('%s', (error, code, reason, message) => {
  expect(statusOf(error)).toMatchObject({ kind: 'Status', status: 'Failure', code, reason, message });
});

test('details name the object, and every field error is a cause', () => {
  const error = objectInvalid({ group: 'apps', kind: 'Deployment' }, 'x', [
    { type: 'FieldValueRequired', field: 'spec.selector', message: 'Required value' },
  ]);
  expect(statusOf(error)).toMatchObject({
    message: 'Deployment.apps "x" is invalid: spec.selector: Required value',
    details: {
      name: 'x',
      group: 'apps',
      kind: 'Deployment',
      causes: [{ reason: 'FieldValueRequired', message: 'Required value', field: 'spec.selector' }],
    },
  });
});

test('what is none of our errors is an internal error', () => {
  expect(statusOf(new TypeError('boom'))).toMatchObject({ code: 500, reason: 'InternalError' });
  expect(statusOf(new NotFound('x')).code).toBe(404);
});
