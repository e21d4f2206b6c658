import { randomUUID } from 'node:crypto';
import { messageOf, type OrreryError } from '../../base/index.ts';
import { type apiextensionsv1, type KubeObject, type metav1, ROOT_WORKSPACE } from '../../kube/index.ts';
import { internalError } from '../errors.ts';
import type { WebhookClient } from '../webhooks/webhook-client.ts';

const TIMEOUT_SECONDS = 30;

/**
 * Conversion of custom resources by a webhook: one ConversionReview (apiextensions.k8s.io/v1) for all objects of a
 * page. Source: k8s.io/apiextensions-apiserver/pkg/apiserver/conversion/webhook_converter.go.
 */
export class ConversionWebhook {
  readonly #webhook: apiextensionsv1.WebhookConversion;
  readonly #client: WebhookClient;
  readonly #workspace: string;

  /** `workspace`: where the definition lies, and the Service it may name. */
  constructor(
    webhook: apiextensionsv1.WebhookConversion,
    client: WebhookClient,
    workspace: string = ROOT_WORKSPACE,
  ) {
    this.#webhook = webhook;
    this.#client = client;
    this.#workspace = workspace;
  }

  /**
   * The objects in the version wanted; of their metadata only labels and annotations may have changed.
   *
   * @throws OrreryError InternalError when the webhook does not answer, refuses, or answers nonsense.
   */
  async convert(objects: readonly KubeObject[], desiredAPIVersion: string): Promise<KubeObject[]> {
    if (objects.length === 0) return [];
    const from = `${objects[0]!.apiVersion}, Kind=${objects[0]!.kind}`;
    const refused = (why: string, cause?: unknown) =>
      internalError(`conversion webhook for ${from} failed: ${why}`, cause);
    const uid = randomUUID();
    const version =
      this.#webhook.conversionReviewVersions.find((one) => one === 'v1' || one === 'v1beta1') ?? 'v1';
    const review = {
      kind: 'ConversionReview',
      apiVersion: `apiextensions.k8s.io/${version}`,
      request: { uid, desiredAPIVersion, objects },
    };
    let response: apiextensionsv1.ConversionResponse | undefined;
    try {
      const answer = await this.#client.post({
        clientConfig: this.#webhook.clientConfig ?? {},
        timeoutSeconds: TIMEOUT_SECONDS,
        workspace: this.#workspace,
        body: review,
      });
      response = (answer as apiextensionsv1.ConversionReview).response;
    } catch (cause) {
      throw refused(messageOf(cause), cause);
    }
    if (!response) throw refused('no response provided');
    if (response.uid !== uid)
      throw refused(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid)}`);
    const result = response.result as metav1.Status | undefined;
    if (result?.status !== 'Success')
      throw refused(result?.message || 'response.result.status was not Success');
    const converted = (
      Array.isArray(response.convertedObjects) ? response.convertedObjects : []
    ) as unknown[];
    if (converted.length !== objects.length)
      throw internalError(
        `conversion webhook for ${from} returned ${converted.length} objects, expected ${objects.length}`,
      );
    return converted.map((object, index) => {
      const place = objects.length === 1 ? '' : ` at index ${index}`;
      const bad = (what: string, why: string) =>
        internalError(`conversion webhook for ${from} returned invalid ${what}${place}: ${why}`);
      return checked(objects[index]!, object, desiredAPIVersion, bad);
    });
  }
}

/**
 * A webhook may change what it likes but the identity of an object; of the metadata only labels and annotations are
 * taken. Source: webhook_converter.go validateConvertedObject, restoreObjectMeta.
 */
function checked(
  before: KubeObject,
  sent: unknown,
  apiVersion: string,
  bad: (what: string, why: string) => OrreryError,
): KubeObject {
  const after = (isMap(sent) ? sent : {}) as Partial<KubeObject>;
  if (after.apiVersion !== apiVersion)
    throw bad('object', `invalid groupVersion (expected ${apiVersion}, received ${shown(after.apiVersion)})`);
  if (after.kind !== before.kind)
    throw bad('object', `invalid kind (expected ${before.kind}, received ${shown(after.kind)})`);
  const metadata: Record<string, unknown> = isMap(after.metadata) ? after.metadata : {};
  for (const [field, name] of Object.entries({ name: 'name', namespace: 'namespace', uid: 'UID' } as const)) {
    const own = before.metadata[field as 'name' | 'namespace' | 'uid'] ?? '';
    if ((metadata[field] ?? '') !== own)
      throw bad('object', `must have the same ${name}: ${own} != ${shown(metadata[field])}`);
  }
  const kept: metav1.ObjectMeta = { ...before.metadata };
  for (const field of ['labels', 'annotations'] as const) {
    const value = metadata[field];
    if (value === undefined || value === null) delete kept[field];
    else kept[field] = stringsOf(value, field, bad);
  }
  return { ...after, metadata: kept } as KubeObject;
}

function stringsOf(
  value: unknown,
  field: string,
  bad: (what: string, why: string) => OrreryError,
): Record<string, string> {
  if (!isMap(value))
    throw bad('metadata', `invalid metadata.${field} of type ${goTypeOf(value)} in converted object`);
  for (const [key, one] of Object.entries(value))
    if (typeof one !== 'string')
      throw bad(
        'metadata',
        `metadata.${field}[${key}] must be a string, but is ${goTypeOf(one)} in converted object`,
      );
  return value as Record<string, string>;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
}

/** As Go's %T prints what its JSON decoder made. */
function goTypeOf(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  return value === null ? '<nil>' : 'map[string]interface {}';
}
