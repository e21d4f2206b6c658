/**
 * Annotations of a Node by which folders of local volumes are cleared away: `<prefix><volume>: <folder>` asks for it,
 * the node answers with `done`. So a node needs no right but that to its own Node.
 */
export const LOCAL_PATH_REMOVAL = { prefix: 'local-path.orrery.dev/', done: 'removed' } as const;
