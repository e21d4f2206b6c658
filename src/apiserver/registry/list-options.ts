import { BadRequest, type FieldError } from '../../base/index.ts';
import { objectInvalid } from '../errors.ts';
import { isTrue } from '../request-info/request-info.ts';

/** metav1.ListOptions as they stand in a query, checked. */
export interface ListOptions {
  limit: number;
  continue: string;
  /** '' when not given. */
  resourceVersion: string;
  /** 0 when not given. */
  revision: number;
  resourceVersionMatch: '' | 'Exact' | 'NotOlderThan';
  allowWatchBookmarks: boolean;
  sendInitialEvents: boolean | undefined;
  timeoutSeconds: number | undefined;
}

/** @throws BadRequest, Invalid; rules of k8s.io/apimachinery/pkg/apis/meta/internalversion/validation. */
export function readListOptions(query: URLSearchParams | undefined, watching: boolean): ListOptions {
  const text = (name: string) => query?.get(name) ?? '';
  const initial = query?.get('sendInitialEvents');
  const options: ListOptions = {
    limit: watching ? 0 : numberOf(query, 'limit'),
    continue: text('continue'),
    resourceVersion: text('resourceVersion'),
    revision: 0,
    resourceVersionMatch: text('resourceVersionMatch') as ListOptions['resourceVersionMatch'],
    allowWatchBookmarks: isTrue(query?.get('allowWatchBookmarks')),
    sendInitialEvents: initial === null || initial === undefined ? undefined : isTrue(initial),
    timeoutSeconds: text('timeoutSeconds') === '' ? undefined : numberOf(query, 'timeoutSeconds'),
  };
  const errors = watching ? watchErrors(options) : listErrors(options);
  if (errors.length > 0) throw objectInvalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', errors);
  // Last, as upstream: the storage is what reads it.
  return { ...options, revision: revisionOf(options.resourceVersion) };
}

function listErrors(options: ListOptions): FieldError[] {
  const { resourceVersion, resourceVersionMatch: match } = options;
  const errors: FieldError[] = [];
  if (options.sendInitialEvents !== undefined)
    errors.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  if (match === ('' as string)) return errors;
  if (options.continue !== '')
    errors.push(
      forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided'),
    );
  if (resourceVersion === '')
    errors.push(
      forbidden(
        'resourceVersionMatch',
        'resourceVersionMatch is forbidden unless resourceVersion is provided',
      ),
    );
  if (match !== 'Exact' && match !== 'NotOlderThan') errors.push(unknownMatch(match));
  if (match === 'Exact' && resourceVersion === '0')
    errors.push(
      forbidden('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'),
    );
  return errors;
}

function watchErrors(options: ListOptions): FieldError[] {
  const { sendInitialEvents, resourceVersionMatch: match } = options;
  const errors: FieldError[] = [];
  if (sendInitialEvents === undefined && match !== '')
    errors.push(
      forbidden(
        'resourceVersionMatch',
        'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
      ),
    );
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan')
    errors.push(
      match === ''
        ? forbidden(
            'resourceVersionMatch',
            'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
          )
        : unknownMatch(match, ['NotOlderThan']),
    );
  if (options.continue !== '') errors.push(forbidden('continue', 'continue is forbidden for watch'));
  return errors;
}

function forbidden(field: string, why: string): FieldError {
  return { type: 'FieldValueForbidden', field, message: `Forbidden: ${why}` };
}

function unknownMatch(match: string, supported = ['Exact', 'NotOlderThan']): FieldError {
  const list = supported.map((one) => JSON.stringify(one)).join(', ');
  return {
    type: 'FieldValueNotSupported',
    field: 'resourceVersionMatch',
    message: `Unsupported value: ${JSON.stringify(match)}: supported values: ${list}`,
  };
}

function numberOf(query: URLSearchParams | undefined, name: string): number {
  const text = query?.get(name) ?? '';
  if (text === '') return 0;
  if (!/^-?\d+$/.test(text))
    throw new BadRequest(`${name}: strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

/** @throws BadRequest as k8s.io/apiserver/pkg/storage ParseResourceVersion. */
function revisionOf(text: string): number {
  if (text === '') return 0;
  if (!/^\d{1,16}$/.test(text))
    throw new BadRequest(
      `Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  return Number(text);
}
