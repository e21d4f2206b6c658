import { randomUUID } from 'node:crypto';
import { request as httpsRequest } from 'node:https';
import { messageOf, OrreryError } from '../../base/index.ts';
import type { apiextensionsv1, KubeObject, metav1 } from '../../kube/index.ts';
import { internalError } from '../errors.ts';

const TIMEOUT_MS = 30_000;
const ANSWER_LIMIT_BYTES = 16 * 1024 * 1024;

/** Where a service answers: its cluster address; undefined when there is none. */
export type ResolveService = (namespace: string, name: string) => Promise<string | undefined>;

/**
 * Conversion of custom resources by a webhook: one ConversionReview (apiextensions.k8s.io/v1) for all objects of a
 * page. Source: k8s.io/apiextensions-apiserver/pkg/apiserver/conversion/webhook_converter.go.
 */
export class ConversionWebhook {
  readonly #webhook: apiextensionsv1.WebhookConversion;
  readonly #resolve: ResolveService;

  constructor(webhook: apiextensionsv1.WebhookConversion, resolve: ResolveService) {
    this.#webhook = webhook;
    this.#resolve = resolve;
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
      response = ((await this.#post(review)) as apiextensionsv1.ConversionReview).response;
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

  async #post(review: object): Promise<unknown> {
    const config = this.#webhook.clientConfig ?? {};
    const ca = config.caBundle && Buffer.from(config.caBundle, 'base64').toString();
    const target = await this.#target(config);
    const body = Buffer.from(JSON.stringify(review));
    return new Promise((resolve, reject) => {
      const request = httpsRequest(
        {
          ...target,
          method: 'POST',
          timeout: TIMEOUT_MS,
          agent: false,
          headers: {
            'content-type': 'application/json',
            accept: 'application/json',
            'content-length': body.length,
            host: target.servername,
          },
          ...(ca && { ca }),
        },
        (response) => {
          const chunks: Buffer[] = [];
          let size = 0;
          response.on('data', (chunk: Buffer) => {
            size += chunk.length;
            if (size > ANSWER_LIMIT_BYTES) request.destroy(new Error('the answer is too large'));
            else chunks.push(chunk);
          });
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            if (response.statusCode !== 200) {
              reject(new Error(`the server answered ${response.statusCode}: ${text.slice(0, 200)}`));
              return;
            }
            try {
              resolve(JSON.parse(text));
            } catch (cause) {
              reject(new Error('the answer is not JSON', { cause }));
            }
          });
          response.on('error', reject);
        },
      );
      request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
      request.on('error', (cause) => {
        reject(
          new Error(`Post "https://${target.servername}:${target.port}${target.path}": ${cause.message}`, {
            cause,
          }),
        );
      });
      request.end(body);
    });
  }

  async #target(
    config: apiextensionsv1.WebhookClientConfig,
  ): Promise<{ host: string; port: number; path: string; servername: string }> {
    if (config.url !== undefined) {
      const url = new URL(config.url);
      const host = url.hostname.replace(/^\[|\]$/g, '');
      return { host, servername: host, port: Number(url.port || 443), path: url.pathname + url.search };
    }
    const { namespace, name, path = '/', port = 443 } = config.service!;
    const host = await this.#resolve(namespace, name);
    if (host === undefined)
      throw new OrreryError(
        'NotFound',
        `service ${JSON.stringify(name)} not found in namespace ${JSON.stringify(namespace)}`,
      );
    return {
      host,
      servername: `${name}.${namespace}.svc`,
      port,
      path: path.startsWith('/') ? path : `/${path}`,
    };
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
