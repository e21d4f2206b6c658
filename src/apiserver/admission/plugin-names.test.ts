import { expect, test } from 'vitest';
import { enabledPlugins } from './plugin-names.ts';

test('the plug-ins of kube-apiserver are on, or off, by default', () => {
  const names = enabledPlugins();
  expect(names.has('LimitRanger')).toBe(true);
  expect(names.has('OwnerReferencesPermissionEnforcement')).toBe(false);
});

test('plug-ins are switched on and off by name', () => {
  const names = enabledPlugins({ enable: ['AlwaysPullImages'], disable: ['LimitRanger', 'PodNodeSelector'] });
  expect(names.has('AlwaysPullImages')).toBe(true);
  expect(names.has('LimitRanger')).toBe(false);
});

test.each([
  [{ enable: ['Nope'] }, 'enable-admission-plugins plugin "Nope" is unknown'],
  [{ disable: ['Nope'] }, 'disable-admission-plugins plugin "Nope" is unknown'],
  [{ enable: ['EventRateLimit'] }, 'enable-admission-plugins plugin "EventRateLimit" is not supported'],
  [
    { enable: ['PodSecurity', 'LimitRanger'], disable: ['LimitRanger', 'PodSecurity'] },
    '[LimitRanger PodSecurity] in enable-admission-plugins and disable-admission-plugins overlapped',
  ],
])('%j is refused', (choice, message) => {
  expect(() => enabledPlugins(choice)).toThrow(message);
});
