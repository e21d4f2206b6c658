/**
 * What several sources give, in the order it comes; each is asked for more when what it gave has been taken. Ends with
 * the first that ends, and throws what one of them throws.
 */
export async function* merged<T>(sources: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
  const ready: { value: T; taken: () => void }[] = [];
  let wake: (() => void) | undefined;
  let end: { error?: unknown } | undefined;
  const pump = async (source: AsyncIterable<T>) => {
    for await (const value of source) {
      if (end !== undefined) return;
      await new Promise<void>((taken) => {
        ready.push({ value, taken });
        wake?.();
      });
    }
  };
  for (const source of sources)
    pump(source).then(
      () => {
        end ??= {};
        wake?.();
      },
      (error: unknown) => {
        end ??= { error };
        wake?.();
      },
    );
  try {
    while (end === undefined) {
      const next = ready.shift();
      if (next === undefined)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      else {
        yield next.value;
        next.taken();
      }
    }
    if ('error' in end) throw end.error;
  } finally {
    end ??= {};
    for (const { taken } of ready) taken();
  }
}
