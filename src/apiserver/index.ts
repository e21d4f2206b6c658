/**
 * apiserver: the Kubernetes API over a store. request → identity → authorization → admission → resource → store →
 * encoding; one folder a step.
 *
 * Is not: a controller. It makes the initial objects, allocates what only one writer may have (names, service
 * addresses, node ports) and expires old events; everything else that moves objects is a client.
 *
 * Guarantees: an answer to a write is sent after the write is on disk; a watch delivers every change of what it
 * selects once and in order, or ends with 410; an object is never overwritten by a writer who has not seen its last
 * version, unless it asked for that; every error is a metav1.Status, 500 only for a fault of ours. Does not
 * guarantee: that a field we do not know is kept (it is pruned, with a warning).
 */
export { type ApiServer, createApiServer } from './api-server.ts';
export type { RequestHeaderConfig } from './authentication/request-header.ts';
export { parseTokenFile } from './authentication/static-tokens.ts';
export { gitVersion, KUBERNETES_VERSION } from './discovery/version.ts';
export { encryptingStore, unreadableValues } from './encryption/encrypting-store.ts';
export {
  type EncryptionConfiguration,
  readEncryptionConfiguration,
} from './encryption/encryption-configuration.ts';
export type { ApiRequest, ApiResponse, User } from './http/messages.ts';
export type { ApiServerOptions } from './options.ts';
export type { KeyPair } from './pki/certificates.ts';
export { type KeyBundleOptions, shareKeys } from './pki/key-bundle.ts';
export { ensurePki, type Pki, type PkiOptions, type PkiPaths, SHARED_KEY_FILES } from './pki/pki.ts';
export { parseRuntimeConfig } from './registry/runtime-config.ts';
