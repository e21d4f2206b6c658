import { describe, expect, test } from 'vitest';
import { CURRENT, entering, PREVIOUS, swapping } from './context-switch.ts';
import type { Fields, ListName } from './kubeconfig-document.ts';

const at = (path: string): Fields => ({
  server: `https://test/clusters/${path}`,
  'certificate-authority-data': 'Q0E=',
});
const context = (cluster: string, user = 'test'): Fields => ({ cluster, user, namespace: 'n' });
type Lists = Partial<Record<ListName, Record<string, Fields>>>;
const entries = (lists: Lists) => ({ find: (list: ListName, name: string) => lists[list]?.[name] });

describe('entering a workspace', () => {
  test('from another context leaves that as it is and remembers it', () => {
    const place = { name: 'orrery', context: context('orrery'), cluster: at('root') };
    expect(entering(place, 'https://test/clusters/root:a').change).toEqual({
      currentContext: CURRENT,
      clusters: { [CURRENT]: at('root:a') },
      contexts: { [CURRENT]: context(CURRENT), [PREVIOUS]: context('orrery') },
    });
  });

  test('from a workspace entered before keeps that as the previous one', () => {
    const place = { name: CURRENT, context: context(CURRENT), cluster: at('root:a') };
    expect(entering(place, 'https://test/clusters/root:b').change).toEqual({
      currentContext: CURRENT,
      clusters: { [CURRENT]: at('root:b'), [PREVIOUS]: at('root:a') },
      contexts: { [CURRENT]: context(CURRENT), [PREVIOUS]: context(PREVIOUS) },
    });
  });
});

describe('going back', () => {
  const place = { name: CURRENT, context: context(CURRENT), cluster: at('root:foo') };

  test('exchanges the two workspaces', () => {
    const lists = { contexts: { [PREVIOUS]: context(PREVIOUS) }, clusters: { [PREVIOUS]: at('root:bar') } };
    const { change, server } = swapping(entries(lists), place);
    expect(server).toBe('https://test/clusters/root:bar');
    expect(change).toEqual({
      currentContext: CURRENT,
      clusters: { [CURRENT]: at('root:bar'), [PREVIOUS]: at('root:foo') },
      contexts: { [CURRENT]: context(CURRENT), [PREVIOUS]: context(PREVIOUS) },
    });
  });

  test('to a context with a cluster of its own names that cluster', () => {
    const lists = {
      contexts: { [PREVIOUS]: context('other', 'other') },
      clusters: { other: { server: 'https://other/' } },
    };
    const { change, server } = swapping(entries(lists), place);
    expect(server).toBe('https://other/');
    expect(change).toEqual({
      currentContext: CURRENT,
      clusters: { [PREVIOUS]: at('root:foo') },
      contexts: { [CURRENT]: context('other', 'other'), [PREVIOUS]: context(PREVIOUS) },
    });
  });

  test('between two other contexts touches no cluster', () => {
    const lists = {
      contexts: { [PREVIOUS]: context('other2', 'two') },
      clusters: { other2: { server: 'https://other2/' } },
    };
    const here = { name: 'other', context: context('other', 'one'), cluster: { server: 'https://other/' } };
    expect(swapping(entries(lists), here).change).toEqual({
      currentContext: CURRENT,
      clusters: {},
      contexts: { [CURRENT]: context('other2', 'two'), [PREVIOUS]: context('other', 'one') },
    });
  });

  test('is refused where nothing was before', () => {
    expect(() => swapping(entries({}), place)).toThrow('no previous workspace found in kubeconfig');
    const lists = { contexts: { [PREVIOUS]: context('gone') } };
    expect(() => swapping(entries(lists), place)).toThrow('cluster "gone" not found in kubeconfig');
  });
});
