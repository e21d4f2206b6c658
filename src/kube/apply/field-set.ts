import { append } from '../../base/index.ts';
/**
 * A set of field paths in the form managedFields stores it (fieldsV1), used as it is:
 *
 *   {"f:spec": {"f:replicas": {}, "f:containers": {"k:{\"name\":\"a\"}": {".": {}, "f:image": {}}}}}
 *
 * A key is one path element: `f:` field or map key, `k:` list item by its key fields, `v:` item of a set, `i:`
 * index. Its value lists what is below; `{}` means the path itself, `.` beside others means the path as well.
 * See sigs.k8s.io/structured-merge-diff/fieldpath. Sets are never changed once made, so results share parts
 * with the arguments, and an operation without effect returns its first argument.
 */
export interface FieldSet {
  [pathElement: string]: FieldSet;
}

const MEMBER: FieldSet = Object.freeze({}) as FieldSet;

export function isEmptySet(set: FieldSet | undefined): boolean {
  if (set === undefined) return true;
  for (const _ in set) return false;
  return true;
}

/** Whether the path of this node is in the set: it stands alone, or has the mark. */
export function isMember(node: FieldSet | undefined): boolean {
  return node !== undefined && (node['.'] !== undefined || isEmptySet(node));
}

/** What lies below a node, without the node itself; undefined for nothing. */
export function childrenOf(node: FieldSet | undefined): FieldSet | undefined {
  if (node === undefined || isEmptySet(node)) return undefined;
  if (node['.'] === undefined) return node;
  const { '.': _, ...children } = node;
  return isEmptySet(children) ? undefined : children;
}

/** A node of these parts; undefined when it holds nothing. */
export function makeNode(member: boolean, children: FieldSet | undefined): FieldSet | undefined {
  if (isEmptySet(children)) return member ? MEMBER : undefined;
  return member ? { '.': MEMBER, ...children } : children;
}

/** Adds a node while a set is being built: the only operation that changes its argument. */
export function putNode(
  set: FieldSet,
  element: string,
  member: boolean,
  children: FieldSet | undefined,
): void {
  const node = makeNode(member, children);
  if (node !== undefined) set[element] = node;
}

export function union(left: FieldSet, right: FieldSet): FieldSet {
  let result = left;
  for (const element in right) {
    if (element === '.') continue;
    const had = left[element];
    const node = had === undefined ? right[element]! : unionNode(had, right[element]!);
    if (node === had) continue;
    if (result === left) result = { ...left };
    result[element] = node;
  }
  return result;
}

function unionNode(left: FieldSet, right: FieldSet): FieldSet {
  if (left === right) return left;
  const member = isMember(left) || isMember(right);
  const below = childrenOf(left);
  const other = childrenOf(right);
  const children = below === undefined ? other : other === undefined ? below : union(below, other);
  return member === isMember(left) && children === below ? left : makeNode(member, children)!;
}

/** Paths of `left` that are not in `right`. A path below one in `right` stays. */
export function difference(left: FieldSet, right: FieldSet): FieldSet {
  return without(left, right, false);
}

/** The same, but a path in `right` takes along everything below it. */
export function recursiveDifference(left: FieldSet, right: FieldSet): FieldSet {
  return without(left, right, true);
}

function without(left: FieldSet, right: FieldSet, recursive: boolean): FieldSet {
  let result = left;
  for (const element in right) {
    const had = element === '.' ? undefined : left[element];
    if (had === undefined) continue;
    const node = withoutNode(had, right[element]!, recursive);
    if (node === had) continue;
    if (result === left) result = { ...left };
    if (node === undefined) delete result[element];
    else result[element] = node;
  }
  return result;
}

function withoutNode(left: FieldSet, right: FieldSet, recursive: boolean): FieldSet | undefined {
  const taken = isMember(right);
  if (taken && recursive) return undefined;
  const below = childrenOf(left);
  const other = childrenOf(right);
  const children = below === undefined || other === undefined ? below : without(below, other, recursive);
  const member = isMember(left) && !taken;
  return member === isMember(left) && children === below ? left : makeNode(member, children);
}

export function intersection(left: FieldSet, right: FieldSet): FieldSet {
  const result: FieldSet = {};
  for (const element in left) {
    const other = right[element];
    if (element === '.' || other === undefined) continue;
    const node = left[element]!;
    const below = childrenOf(node);
    const beside = childrenOf(other);
    const children = below === undefined || beside === undefined ? undefined : intersection(below, beside);
    putNode(result, element, isMember(node) && isMember(other), children);
  }
  return result;
}

export function equalSets(left: FieldSet, right: FieldSet): boolean {
  if (left === right) return true;
  for (const element in left) {
    const other = right[element];
    if (other === undefined || !equalSets(left[element]!, other)) return false;
  }
  for (const element in right) if (left[element] === undefined) return false;
  return true;
}

/** Every path in the set, printed as structured-merge-diff does: `.spec.containers[name="a"].image`. */
export function pathsOf(set: FieldSet, prefix = ''): string[] {
  const members: string[] = [];
  const below: string[] = [];
  for (const element of Object.keys(set).sort()) {
    if (element === '.') continue;
    const path = prefix + printElement(element);
    const node = set[element]!;
    if (isMember(node)) members.push(path);
    append(below, pathsOf(childrenOf(node) ?? {}, path));
  }
  return [...members, ...below];
}

/** `f:image` → `.image`, `k:{"name":"a"}` → `[name="a"]`, `v:1` → `[=1]`. */
export function printElement(element: string): string {
  const text = element.slice(2);
  if (element.startsWith('f:')) return `.${text}`;
  if (element.startsWith('v:')) return `[=${text}]`;
  if (element.startsWith('i:')) return `[${text}]`;
  const keys = JSON.parse(text) as Record<string, unknown>;
  return `[${Object.entries(keys)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(',')}]`;
}

/** The same set with its elements in byte order, as it is stored. */
export function sorted(set: FieldSet): FieldSet {
  const result: FieldSet = {};
  for (const element of Object.keys(set).sort()) result[element] = sorted(set[element]!);
  return result;
}
