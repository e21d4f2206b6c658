/**
 * Adds all elements of further lists to the end of one. A spread into `push` puts every element on the stack, which some
 * hundred thousand of a client's making overflow.
 */
export function append<T>(list: T[], ...more: readonly (readonly T[])[]): void {
  for (const one of more) for (const element of one) list.push(element);
}
