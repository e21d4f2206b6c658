/**
 * Reads upstream's descriptions of API types and fields, for `kubectl explain`, from the declarations of
 * @kubernetes/client-node, and writes them as JSON: {"core/v1.Pod": {"": "Pod is …", "spec": "…"}}.
 *
 * A build step; the result is not committed: `node scripts/generate-descriptions.ts OUT.json`.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { typeInfo, typeRefs } from '../src/kube/schema/fields.ts';

const MODELS = resolve(import.meta.dirname, '../node_modules/@kubernetes/client-node/dist/gen/models');

/** Descriptions of every type of the field table that client-node declares; '' is the type's own. */
export function generateDescriptions(modelsFolder = MODELS): Record<string, Record<string, string>> {
  const descriptions: Record<string, Record<string, string>> = {};
  for (const ref of typeRefs()) {
    const file = declarationOf(ref, modelsFolder);
    if (file === undefined) continue;
    const found = readDeclaration(readFileSync(file, 'utf8'));
    const fields = [...typeInfo(ref).fields.keys()];
    const texts: Record<string, string> = {};
    for (const name of ['', ...fields]) {
      const text = found.get(name) ?? found.get(name.replaceAll('-', '_')) ?? found.get(`_${name}`);
      if (text !== undefined) texts[name] = text;
    }
    if (Object.keys(texts).length > 0) descriptions[ref] = texts;
  }
  return descriptions;
}

/** `core/v1.Event` is CoreV1Event, where another group has the name too; `core/v1.Pod` is V1Pod. */
function declarationOf(ref: string, folder: string): string | undefined {
  const [, group, version, name] = /^([^/]+)\/([^.]+)\.(.+)$/.exec(ref) ?? [];
  if (group === undefined) return undefined;
  const title = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
  return [`${title(group)}${title(version!)}${name}`, `${title(version!)}${name}`]
    .map((one) => join(folder, `${one}.d.ts`))
    .find((path) => existsSync(path));
}

/** The comment before the class, and those before its quoted properties. */
export function readDeclaration(source: string): Map<string, string> {
  const found = new Map<string, string>();
  const pattern = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(?:export declare class \w+|'([^']+)'\??:)/g;
  for (const [, comment, property] of source.matchAll(pattern)) {
    const text = comment!
      .split('\n')
      .map((line) => line.replace(/^\s*\* ?/, ''))
      .join('\n')
      .trim()
      .replace(/\\(['"`])/g, '$1')
      .replaceAll('\\n', '\n');
    found.set(property ?? '', text);
  }
  return found;
}

if (import.meta.main) {
  const path = process.argv[2];
  if (path === undefined) throw new Error('usage: node scripts/generate-descriptions.ts OUT.json');
  mkdirSync(dirname(resolve(path)), { recursive: true });
  writeFileSync(path, JSON.stringify(generateDescriptions()));
}
