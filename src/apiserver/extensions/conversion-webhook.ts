import { randomUUID } from 'node:crypto';
import { messageOf, type OrreryError } from '../../base/index.ts';
import type { apiextensionsv1, KubeObject, metav1 } from '../../kube/index.ts';
import { internalError } from '../errors.ts';
import { DEFAULT_WORKSPACE } from '../request-info/request-info.ts';
import type { WebhookClient } from '../webhooks/webhook-client.ts';

const TIMEOUT_SECONDS = 30;

/**
 * Conversion of custom resources by a webhook: one ConversionReview (apiextensions.k8s.io/v1) for all objects of a
 * page. Source: k8s.io/apiextensions-apiserver/pkg/apiserver/conversion/webhook_converter.go.
 */
export class ConversionWebhook {
  readonly #webhook: apiextensionsv1.WebhookConversion;
  readonly #client: WebhookClient;

  constructor(webhook: apiextensionsv1.WebhookConversion, client: WebhookClient) {
    this.#webhook = webhook;
    this.#client = client;
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
        workspace: DEFAULT_WORKSPACE,
        body: review,
      });
      response = (answer as apiextensionsv1.ConversionReview).response;
    } catch (cause) {
      throw refused(messageOf(cause), cause);
    }
    if (response === undefined) throw refused('no response provided');
    if (response.uid !== uid)
      throw refused(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid)}`);
    const result = response.result as metav1.Status | undefined;
    if (result?.status !== 'Success')
      throw refused(result?.message || 'response.result.status was not Success');
    const converted = (response.convertedObjects ?? []) as KubeObject[];
    if (converted.length !== objects.length)
      throw refused(`webhook returned ${converted.length} objects, expected ${objects.length}`);
    return converted.map((object, index) => checked(objects[index]!, object, desiredAPIVersion, refused));
  }
}

function checked(
  before: KubeObject,
  after: KubeObject,
  apiVersion: string,
  refused: (why: string) => OrreryError,
): KubeObject {
  const bad = (what: string) => refused(`invalid converted object at index: must have the same ${what}`);
  if (after?.apiVersion !== apiVersion)
    throw refused(
      `invalid converted object: invalid groupVersion (expected ${apiVersion}, received ${after?.apiVersion})`,
    );
  if (after.kind !== before.kind) throw bad('kind');
  const metadata = (after.metadata ?? {}) as Partial<metav1.ObjectMeta>;
  for (const field of ['name', 'namespace', 'uid'] as const)
    if (metadata[field] !== before.metadata[field]) throw bad(field);
  const kept: metav1.ObjectMeta = { ...before.metadata };
  for (const field of ['labels', 'annotations'] as const) {
    if (metadata[field] === undefined) delete kept[field];
    else kept[field] = metadata[field];
  }
  return { ...after, metadata: kept };
}
