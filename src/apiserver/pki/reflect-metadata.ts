/**
 * The three functions of the metadata proposal that tsyringe, inside @peculiar/x509, insists on at import. Only
 * what it calls (define and get on classes); does nothing when someone else has brought them.
 * Source: https://rbuckton.github.io/reflect-metadata/
 */
export function provideReflectMetadata(): void {
  const reflect = Reflect as unknown as Record<string, unknown>;
  if (reflect.getMetadata !== undefined) return;
  const all = new WeakMap<object, Map<string, unknown>>();
  const slot = (key: unknown, property: unknown) => `${String(key)}|${String(property ?? '')}`;
  const getOwn = (key: unknown, target: object, property?: unknown) =>
    all.get(target)?.get(slot(key, property));
  reflect.getOwnMetadata = getOwn;
  reflect.getMetadata = (key: unknown, target: object, property?: unknown) => {
    for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at)) {
      const value = getOwn(key, at, property);
      if (value !== undefined) return value;
    }
    return undefined;
  };
  reflect.defineMetadata = (key: unknown, value: unknown, target: object, property?: unknown) => {
    const slots = all.get(target) ?? new Map<string, unknown>();
    slots.set(slot(key, property), value);
    all.set(target, slots);
  };
  // What TypeScript's emitted decorators call: a decorator that defines.
  reflect.metadata = (key: unknown, value: unknown) => (target: object, property?: unknown) =>
    (reflect.defineMetadata as (...args: unknown[]) => void)(key, value, target, property);
}
