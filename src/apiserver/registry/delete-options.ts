import { BadRequest, type FieldError } from '../../base/index.ts';
import { decodeKind, type metav1 } from '../../kube/index.ts';
import { readBody } from '../encoding/body.ts';
import { objectInvalid } from '../errors.ts';
import type { ApiRequest } from '../http/messages.ts';
import { isTrue } from '../request-info/request-info.ts';
import { readDryRun } from './write-options.ts';

export interface DeleteOptions {
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  /** As it was asked for; `propagationPolicy` says it too. */
  orphanDependents?: boolean;
  preconditions?: metav1.Preconditions;
  dryRun: boolean;
}

const DELETE_OPTIONS = { group: 'meta.k8s.io', version: 'v1', kind: 'DeleteOptions' };

/** From the body when there is one, else from the query; k8s.io/apiserver/pkg/endpoints/handlers/delete.go. */
export async function readDeleteOptions(request: ApiRequest): Promise<DeleteOptions> {
  const body = await readBody(request);
  return checked(body === undefined ? fromQuery(request) : fromBody(body));
}

/** `v1` DeleteOptions are those of meta.k8s.io: every group version has them. */
export function fromBody(body: unknown): metav1.DeleteOptions {
  const { apiVersion: _version, kind, ...fields } = (body ?? {}) as Record<string, unknown>;
  if (kind !== undefined && kind !== 'DeleteOptions')
    throw new BadRequest(`the object provided is unrecognized (must be of type DeleteOptions)`);
  return decodeKind<metav1.DeleteOptions>(DELETE_OPTIONS, 'meta/v1.DeleteOptions', fields, 'Ignore').object;
}

function fromQuery({ query }: ApiRequest): metav1.DeleteOptions {
  const options: metav1.DeleteOptions = {};
  const grace = query?.get('gracePeriodSeconds');
  if (grace) {
    if (!/^-?\d+$/.test(grace))
      throw new BadRequest(
        `gracePeriodSeconds: strconv.ParseInt: parsing ${JSON.stringify(grace)}: invalid syntax`,
      );
    options.gracePeriodSeconds = Number(grace);
  }
  const policy = query?.get('propagationPolicy');
  if (policy) options.propagationPolicy = policy;
  const orphan = query?.get('orphanDependents');
  if (orphan) options.orphanDependents = isTrue(orphan);
  const dryRun = query?.getAll('dryRun') ?? [];
  if (dryRun.length > 0) options.dryRun = dryRun;
  return options;
}

export function checked(options: metav1.DeleteOptions): DeleteOptions {
  const errors: FieldError[] = [];
  const dryRun = readDryRun(options.dryRun ?? [], errors);
  let policy = options.propagationPolicy;
  if (options.orphanDependents !== undefined && policy !== undefined)
    errors.push({
      type: 'FieldValueInvalid',
      field: 'propagationPolicy',
      message: `Invalid value: ${JSON.stringify(policy)}: orphanDependents and deletionPropagation cannot be both set`,
    });
  if (options.orphanDependents !== undefined) policy = options.orphanDependents ? 'Orphan' : 'Background';
  if (policy !== undefined && !['Orphan', 'Background', 'Foreground'].includes(policy))
    errors.push({
      type: 'FieldValueNotSupported',
      field: 'propagationPolicy',
      message: `Unsupported value: ${JSON.stringify(policy)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
    });
  if (errors.length > 0) throw objectInvalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', errors);
  return {
    dryRun,
    ...(options.gracePeriodSeconds !== undefined && {
      gracePeriodSeconds: Math.max(0, options.gracePeriodSeconds),
    }),
    ...(policy !== undefined && { propagationPolicy: policy as 'Orphan' }),
    ...(options.orphanDependents !== undefined && { orphanDependents: options.orphanDependents }),
    ...(options.preconditions !== undefined && { preconditions: options.preconditions }),
  };
}
