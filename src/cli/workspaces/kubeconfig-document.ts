import type { Document, YAMLMap, YAMLSeq } from 'yaml';
import { BadRequest } from '../../base/index.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** The three lists of a kubeconfig, and what an entry of each holds beside its name. */
const LISTS = { clusters: 'cluster', contexts: 'context', users: 'user' } as const;
export type ListName = keyof typeof LISTS;

/** One file as it is written: entries by their names. */
export interface KubeconfigContent {
  currentContext: string;
  clusters: Record<string, Fields>;
  contexts: Record<string, Fields>;
  users: Record<string, Fields>;
}

/** What is to be otherwise; everything else in the file, comments too, stays. */
export interface KubeconfigChange {
  currentContext?: string;
  clusters?: Record<string, Fields>;
  contexts?: Record<string, Fields>;
  users?: Record<string, Fields>;
}

/** @throws BadRequest naming the file when it is no kubeconfig. */
export async function parseKubeconfig(text: string, file: string): Promise<KubeconfigContent> {
  const whole = (await documentOf(text, file)).toJS() as Record<string, unknown> | null;
  const entries = (list: ListName) => {
    const found: Record<string, Fields> = {};
    const items = whole?.[list] ?? [];
    if (!Array.isArray(items)) throw malformed(file, `${list} is not a list`);
    for (const item of items as Record<string, unknown>[]) {
      if (typeof item?.name !== 'string') throw malformed(file, `an entry of ${list} has no name`);
      const fields = item[LISTS[list]] ?? {};
      if (typeof fields !== 'object') throw malformed(file, `${LISTS[list]} "${item.name}" has no fields`);
      found[item.name] ??= fields as Fields;
    }
    return found;
  };
  return {
    currentContext: String(whole?.['current-context'] ?? ''),
    clusters: entries('clusters'),
    contexts: entries('contexts'),
    users: entries('users'),
  };
}

/** @returns the text with the change in it; the same text when there is nothing to change. */
export async function changeKubeconfig(
  text: string,
  change: KubeconfigChange,
  file: string,
): Promise<string> {
  const document = await documentOf(text, file);
  const before = await parseKubeconfig(text, file);
  const isEmpty = document.contents === null;
  if (isEmpty) document.contents = document.createNode({ apiVersion: 'v1', kind: 'Config' }) as never;
  let isChanged = isEmpty;
  for (const list of Object.keys(LISTS) as ListName[])
    for (const [name, fields] of Object.entries(change[list] ?? {})) {
      if (JSON.stringify(before[list][name]) === JSON.stringify(fields)) continue;
      setEntry(document, list, name, fields);
      isChanged = true;
    }
  const { currentContext } = change;
  if (currentContext !== undefined && currentContext !== before.currentContext) {
    document.set('current-context', currentContext);
    isChanged = true;
  }
  // kubectl does not indent lists; who does, keeps it.
  const indentSeq = /^ +- name:/m.test(text) && !/^- /m.test(text);
  return isChanged ? document.toString({ lineWidth: 0, indentSeq }) : text;
}

function setEntry(document: Document, list: ListName, name: string, fields: Fields): void {
  const key = LISTS[list];
  let items = document.get(list) as YAMLSeq<YAMLMap> | null | undefined;
  if (items === null || items === undefined || items.items.length === 0) {
    items = document.createNode([]) as unknown as YAMLSeq<YAMLMap>;
    document.set(list, items);
  }
  const found = items.items.find((item) => item.get('name') === name);
  if (found !== undefined) found.set(key, document.createNode(fields));
  else items.items.push(document.createNode({ name, [key]: fields }) as unknown as YAMLMap);
}

/** `yaml` is loaded only when a kubeconfig has to be read. */
async function documentOf(text: string, file: string): Promise<Document> {
  const { parseDocument, isMap } = await import('yaml');
  const document = parseDocument(text) as Document;
  const [error] = document.errors;
  if (error !== undefined) throw malformed(file, error.message.split('\n', 1)[0]!.replace(/:$/, ''), error);
  if (document.contents !== null && !isMap(document.contents)) throw malformed(file, 'not a kubeconfig');
  return document;
}

function malformed(file: string, why: string, cause?: unknown): BadRequest {
  return new BadRequest(`error loading config file "${file}": ${why}`, { cause });
}
