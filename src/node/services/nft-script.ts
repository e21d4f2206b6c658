import type { CollectionPlan, TableNames, TablePlan } from './table-plan.ts';

const ELEMENTS_PER_COMMAND = 500;

/**
 * The script (one transaction) that makes the table hold exactly the plan, whatever of it stands there now.
 * What affinity sets remember stays.
 */
export function wholeScript(
  plan: TablePlan,
  existing: TableNames = { chains: [], sets: [], maps: [] },
): string {
  const { table } = plan;
  const staleChains = existing.chains.filter((name) => !plan.chains.has(name));
  const planned = (name: string) => plan.collections.has(name) || plan.dynamicSets.has(name);
  return lines([
    `add table ${table}`,
    ...[...plan.chains].map(([name, { hook }]) => addChain(table, name, hook)),
    ...[...plan.collections].map(([name, collection]) => addCollection(table, name, collection)),
    ...[...plan.dynamicSets].map(([name, definition]) => `add set ${table} ${name} { ${definition} }`),
    ...[...plan.chains.keys(), ...staleChains].map((name) => `flush chain ${table} ${name}`),
    ...[...plan.collections].map(([name, { kind }]) => `flush ${kind} ${table} ${name}`),
    ...[...plan.chains].flatMap(([name, { rules }]) => addRules(table, name, rules)),
    ...[...plan.collections].flatMap(([name, { elements }]) => addElements(table, name, [...elements])),
    ...staleChains.map((name) => `delete chain ${table} ${name}`),
    ...existing.sets.filter((name) => !planned(name)).map((name) => `delete set ${table} ${name}`),
    ...existing.maps.filter((name) => !planned(name)).map((name) => `delete map ${table} ${name}`),
  ]);
}

/** The script that turns a table that holds `from` into one that holds `to`; '' when they are the same. */
export function differenceScript(from: TablePlan, to: TablePlan): string {
  const { table } = to;
  const added = [...to.chains].filter(([name]) => !from.chains.has(name));
  const changed = [...to.chains].filter(
    ([name, { rules }]) => from.chains.has(name) && !sameRules(from.chains.get(name)!.rules, rules),
  );
  const removed = [...from.chains.keys()].filter((name) => !to.chains.has(name));
  const elements = [...to.collections].map(([name, collection]) => ({
    name,
    ...differenceOfElements(from.collections.get(name)?.elements ?? new Map(), collection.elements),
  }));
  return lines([
    ...added.map(([name, { hook }]) => addChain(table, name, hook)),
    ...[...to.dynamicSets]
      .filter(([name]) => !from.dynamicSets.has(name))
      .map(([name, definition]) => `add set ${table} ${name} { ${definition} }`),
    ...changed.map(([name]) => `flush chain ${table} ${name}`),
    ...[...added, ...changed].flatMap(([name, { rules }]) => addRules(table, name, rules)),
    ...elements.flatMap(({ name, gone }) => deleteElements(table, name, gone)),
    ...elements.flatMap(({ name, come }) => addElements(table, name, come)),
    ...removed.map((name) => `flush chain ${table} ${name}`),
    ...removed.map((name) => `delete chain ${table} ${name}`),
    ...[...from.dynamicSets.keys()]
      .filter((name) => !to.dynamicSets.has(name))
      .map((name) => `delete set ${table} ${name}`),
  ]);
}

function differenceOfElements(
  from: Map<string, string>,
  to: Map<string, string>,
): { gone: string[]; come: [string, string][] } {
  return {
    gone: [...from].filter(([key, value]) => to.get(key) !== value).map(([key]) => key),
    come: [...to].filter(([key, value]) => from.get(key) !== value),
  };
}

function addChain(table: string, name: string, hook: string | undefined): string {
  return `add chain ${table} ${name}${hook === undefined ? '' : ` { ${hook} }`}`;
}

function addCollection(table: string, name: string, { kind, definition }: CollectionPlan): string {
  return `add ${kind} ${table} ${name} { ${definition} }`;
}

function addRules(table: string, chain: string, rules: string[]): string[] {
  return rules.map((rule) => `add rule ${table} ${chain} ${rule}`);
}

function addElements(table: string, name: string, elements: [key: string, value: string][]): string[] {
  return inChunks(elements).map(
    (chunk) =>
      `add element ${table} ${name} { ${chunk
        .map(([key, value]) => (value === '' ? key : `${key} : ${value}`))
        .join(', ')} }`,
  );
}

function deleteElements(table: string, name: string, keys: string[]): string[] {
  return inChunks(keys).map((chunk) => `delete element ${table} ${name} { ${chunk.join(', ')} }`);
}

function inChunks<T>(items: T[]): T[][] {
  const chunks: T[][] = [];
  for (let start = 0; start < items.length; start += ELEMENTS_PER_COMMAND)
    chunks.push(items.slice(start, start + ELEMENTS_PER_COMMAND));
  return chunks;
}

function sameRules(one: string[], other: string[]): boolean {
  return one.length === other.length && one.every((rule, index) => rule === other[index]);
}

function lines(commands: string[]): string {
  return commands.map((command) => `${command}\n`).join('');
}
