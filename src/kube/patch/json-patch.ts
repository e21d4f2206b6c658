import { applyPatch, type Operation, Pointer } from 'rfc6902';
import { BadRequest, Invalid, messageOf, OrreryError } from '../../base/index.ts';
import { cloneJson, isObject } from './json-value.ts';

/** As kube-apiserver: more operations than this are refused. */
const MAX_OPERATIONS = 10_000;

/** k8s.io/apiserver/pkg/server: jsonpatch.AccumulatedCopySizeLimit. */
const MAX_COPIED_BYTES = 3 * 1024 * 1024;

const OPERATIONS = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);

/**
 * JSON Patch (RFC 6902). `current` is not changed.
 *
 * @throws BadRequest for something that is no patch; Invalid (details.causes) when an operation does not
 *   apply, worded as kube-apiserver does; OrreryError RequestEntityTooLarge above 10,000 operations.
 */
export function jsonPatch(current: unknown, operations: unknown): unknown {
  const list = checkOperations(operations);
  const patched = cloneJson(current);
  const root = { document: patched };
  let copiedBytes = 0;
  for (const operation of list) {
    if (operation.op === 'copy') {
      copiedBytes += sizeAt(root.document, operation.from);
      if (copiedBytes > MAX_COPIED_BYTES)
        throw new OrreryError(
          'RequestEntityTooLarge',
          `Unable to complete the copy, the accumulated size increase of copy is ${copiedBytes}, exceeding the limit ${MAX_COPIED_BYTES}`,
        );
    }
    const [error] = applyPatch(root, [rebase(settingMissing(root.document, operation))]);
    if (error !== null && error !== undefined) throw notApplicable(operation, error);
  }
  return root.document;
}

/**
 * A member that is not there can be replaced, as with the library kube-apiserver has (evanphx/json-patch v4);
 * an item of a list cannot.
 */
function settingMissing(document: unknown, operation: Operation): Operation {
  if (operation.op !== 'replace' || operation.path === '') return operation;
  const at = operation.path.lastIndexOf('/');
  const parent: unknown = Pointer.fromJSON(operation.path.slice(0, at)).get(document);
  return isObject(parent) ? { ...operation, op: 'add' } : operation;
}

/** Copies of copies double: forty operations would fill any memory. */
function sizeAt(document: unknown, pointer: string): number {
  return JSON.stringify(Pointer.fromJSON(pointer).get(document) ?? null).length;
}

/** The document becomes a member, so that an operation on the whole document (path "") works too. */
function rebase(operation: Operation): Operation {
  const moved = { ...operation, path: `/document${operation.path}` };
  if ('from' in moved) moved.from = `/document${moved.from}`;
  return moved;
}

function checkOperations(operations: unknown): Operation[] {
  if (!Array.isArray(operations)) {
    const what = isObject(operations) ? 'object' : typeof operations;
    throw new BadRequest(
      `error decoding patch: json: cannot unmarshal ${what} into Go value of type jsonpatch.Patch`,
    );
  }
  if (operations.length > MAX_OPERATIONS)
    throw new OrreryError(
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${operations.length}`,
    );
  for (const operation of operations) {
    if (!isObject(operation)) throw new BadRequest('error decoding patch: an operation must be an object');
    if (!OPERATIONS.has(String(operation.op)))
      throw unprocessable(`Unexpected kind: ${String(operation.op)}`);
    for (const name of operation.op === 'move' || operation.op === 'copy' ? ['path', 'from'] : ['path']) {
      const pointer = operation[name];
      if (typeof pointer !== 'string' || (pointer !== '' && !pointer.startsWith('/')))
        throw unprocessable(
          `${String(operation.op)} operation does not apply: invalid ${name}: ${JSON.stringify(pointer)}`,
        );
    }
  }
  return operations as Operation[];
}

function notApplicable(operation: Operation, error: Error): Invalid {
  const { op, path } = operation;
  if (op === 'test') return unprocessable(`testing value ${path} failed: test failed`);
  if (error.name !== 'MissingError') return unprocessable(`${op} operation does not apply: ${error.message}`);
  const missing = 'from' in operation && error.message.includes(operation.from) ? operation.from : path;
  const what = op === 'add' ? 'path' : op === 'replace' ? 'key' : 'path';
  return unprocessable(`${op} operation does not apply: doc is missing ${what}: ${missing}: missing value`);
}

/** errors.NewGenericServerResponse(422): the reason stands in the cause. */
export function unprocessable(message: string): Invalid {
  return new Invalid('the server rejected our request due to an error in our request', [], {
    details: { causes: [{ reason: 'UnexpectedServerResponse', message }] },
  });
}

/** Why a patch does not apply: the message of such an error is the same for all, its cause is not. */
export function patchFailure(error: unknown): string {
  const causes = error instanceof OrreryError ? error.details.causes : undefined;
  const [first] = (causes ?? []) as { message?: string }[];
  return first?.message ?? messageOf(error);
}
