import { expect, test } from 'vitest';
import { openApiV3OfV2 } from './convert.ts';

test('an OpenAPI 2 document says the same as OpenAPI 3, of one group version', () => {
  const flunder = { $ref: '#/definitions/Flunder' };
  const document = {
    swagger: '2.0',
    info: { title: 'wardle', version: 'v1' },
    paths: {
      '/apis/g/v1/flunders': {
        post: {
          operationId: 'create',
          consumes: ['application/json'],
          produces: ['application/json', 'application/yaml'],
          schemes: ['https'],
          parameters: [
            { name: 'body', in: 'body', required: true, schema: flunder },
            { name: 'dryRun', in: 'query', type: 'string', uniqueItems: true },
          ],
          responses: { '201': { description: 'Created', schema: flunder } },
        },
        parameters: [{ name: 'namespace', in: 'path', required: true, type: 'string' }],
      },
      '/apis/g/v1beta1/flunders': {},
    },
    definitions: { Flunder: { type: 'object', properties: { next: flunder } } },
  };
  const schema = { $ref: '#/components/schemas/Flunder' };
  expect(openApiV3OfV2({ prefix: '/apis/g/v1', document })).toEqual({
    openapi: '3.0.0',
    info: { title: 'wardle', version: 'v1' },
    paths: {
      '/apis/g/v1/flunders': {
        post: {
          operationId: 'create',
          parameters: [{ name: 'dryRun', in: 'query', schema: { type: 'string', uniqueItems: true } }],
          requestBody: { content: { 'application/json': { schema } }, required: true },
          responses: {
            '201': {
              description: 'Created',
              content: { 'application/json': { schema }, 'application/yaml': { schema } },
            },
          },
        },
        parameters: [{ name: 'namespace', in: 'path', required: true, schema: { type: 'string' } }],
      },
    },
    components: { schemas: { Flunder: { type: 'object', properties: { next: schema } } } },
  });
});
