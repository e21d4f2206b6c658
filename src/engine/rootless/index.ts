/**
 * rootless: how an ordinary user's command comes into the namespaces in which they are root.
 *
 * A door of its own beside the engine's: the command line asks here before anything else is loaded.
 * Guarantees: all commands of a user share one user and mount namespace while any process of theirs lives in
 * it; no process is kept for that; no helper of root's but newuidmap and newgidmap.
 */
export { enterNamespaces } from './entry.ts';
export { type RootlessFacts, rootlessFacts } from './facts.ts';
