/** RFC 3339 with whole seconds, as metav1.Time is written. */
export function apiTime(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
}
