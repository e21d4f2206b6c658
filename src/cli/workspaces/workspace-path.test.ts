import { describe, expect, test } from 'vitest';
import {
  baseOf,
  isOldAbsolute,
  isWorkspacePath,
  parentOf,
  placeOf,
  readDestination,
  resolveDots,
  serverOf,
  topOf,
} from './workspace-path.ts';

describe('the URL of a server', () => {
  test.each([
    ['https://h:1/clusters/root:foo', { base: 'https://h:1', path: 'root:foo' }],
    ['https://h:1/clusters/root:foo/api/v1', { base: 'https://h:1', path: 'root:foo' }],
    [
      'https://h:1/before/clusters/1a2b3c4d5e6f7g8h',
      { base: 'https://h:1/before', path: '1a2b3c4d5e6f7g8h' },
    ],
    ['https://h:1', { base: 'https://h:1' }],
    ['https://h:1/', { base: 'https://h:1' }],
    ['https://h:1/clusters/', { base: 'https://h:1/clusters' }],
    ['https://h:1/clusters/Ro%2Fot', { base: 'https://h:1/clusters/Ro%2Fot' }],
  ])('%s', (server, place) => {
    expect(placeOf(server)).toEqual(place);
  });

  test('is made again from its parts', () => {
    expect(serverOf('https://h:1/before', 'root:a')).toBe('https://h:1/before/clusters/root:a');
  });
});

describe('a path', () => {
  test.each(['root', 'root:a-b:c', '1a2b', '*', 'system:admin'])('%s is one', (path) => {
    expect(isWorkspacePath(path)).toBe(true);
  });

  test.each([
    '',
    'Root',
    'root:',
    ':root',
    'root::a',
    '-a',
    'a-',
    'a/b',
    'ju:nk§',
    'a'.repeat(64),
    'root:*',
    'a\n',
  ])('%j is none', (path) => {
    expect(isWorkspacePath(path)).toBe(false);
  });

  test('has a parent, a last name and a first', () => {
    expect([parentOf('root:a:b'), parentOf('root'), parentOf('system:admin')]).toEqual([
      'root:a',
      '',
      'system:admin',
    ]);
    expect([baseOf('root:a:b'), baseOf('root'), baseOf('system:admin')]).toEqual(['b', 'root', '']);
    expect([topOf('my-root:a:b'), topOf('root'), topOf('system:admin')]).toEqual([
      'my-root',
      'root',
      'system:admin',
    ]);
  });
});

describe('what a user may mean', () => {
  test.each([
    ['.', { kind: 'current' }],
    ['-', { kind: 'previous' }],
    [':', { kind: 'top' }],
    ['', { kind: 'home', rest: '' }],
    ['~', { kind: 'home', rest: '' }],
    ['~/bar/baz', { kind: 'home', rest: ':bar:baz' }],
    ['/home/ann', { kind: 'home', rest: '' }],
    ['/home/ann/bar', { kind: 'home', rest: ':bar' }],
    ['/home/anna', { kind: 'absolute', path: 'home:anna' }],
    [':root:foo', { kind: 'absolute', path: 'root:foo' }],
    ['bar', { kind: 'relative', path: 'bar' }],
    ['../..', { kind: 'relative', path: '..:..' }],
    ['~bar', { kind: 'relative', path: '~bar' }],
  ])('%j', (text, destination) => {
    expect(readDestination(text, '/home/ann')).toEqual(destination);
  });

  test('knows absolute paths of the old kind', () => {
    expect(['root', 'root:a', 'root/a', 'rooted', ':root', 'a:root'].map(isOldAbsolute)).toEqual([
      ...[true, true, true],
      ...[false, false, false],
    ]);
  });
});

describe('dots', () => {
  test.each([
    ['root:foo:bar:..', 'root:foo'],
    ['root:foo:..:..:root:bar', 'root:bar'],
    ['root:foo:bar:..:bar:baz:..:baz', 'root:foo:bar:baz'],
    ['root:foo:.:bar:.:.:baz:.', 'root:foo:bar:baz'],
  ])('%s', (path, resolved) => {
    expect(resolveDots(path, path)).toBe(resolved);
  });

  test.each([
    ['root:..', 'invalid workspace path: ..'],
    ['root:..:..', 'cannot go up from root'],
    ['root:foo:ju:nk§', 'invalid workspace path: ju:nk§'],
    ['root::foo', 'invalid workspace path: :foo'],
  ])('refuses %s', (path, message) => {
    const given = path.replace(/^root:(?:foo:)?/, '');
    expect(() => resolveDots(path, path === 'root::foo' ? ':foo' : given)).toThrow(message);
  });
});
