import { expect, test } from 'vitest';
import { familiarReference, normaliseReference } from './reference.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

test.each([
  ['nginx', 'docker.io/library/nginx:latest', 'nginx:latest'],
  ['nginx:1.27', 'docker.io/library/nginx:1.27', 'nginx:1.27'],
  ['bitnami/redis', 'docker.io/bitnami/redis:latest', 'bitnami/redis:latest'],
  ['index.docker.io/library/nginx', 'docker.io/library/nginx:latest', 'nginx:latest'],
  ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
  ['registry:5000/app:v1', 'registry:5000/app:v1', 'registry:5000/app:v1'],
  ['ghcr.io/a/b/c', 'ghcr.io/a/b/c:latest', 'ghcr.io/a/b/c:latest'],
  [`nginx:1@${DIGEST}`, `docker.io/library/nginx@${DIGEST}`, `nginx@${DIGEST}`],
])('reads %s as Docker does', (text, full, familiar) => {
  expect(normaliseReference(text)).toBe(full);
  expect(familiarReference(text)).toBe(familiar);
});

test.each([
  '',
  'Nginx',
  'a//b',
  'nginx:',
  'nginx:bad tag',
  '-a',
  'a@sha256:12',
  'a'.repeat(300),
  'f'.repeat(64),
])('refuses %j', (text) => {
  expect(() => normaliseReference(text)).toThrow(/invalid reference format/);
});
