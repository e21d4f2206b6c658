import {
  type apisv1alpha1,
  CONVERSIONS_ANNOTATION,
  ConversionRules,
  type CustomResourceDefinition,
  type KubeObject,
} from '../../kube/index.ts';
import { internalError } from '../errors.ts';
import type { WebhookClient } from '../webhooks/webhook-client.ts';
import { ConversionWebhook } from './conversion-webhook.ts';

/** Turns custom resources of one version into another. */
export interface Converter {
  /** @throws OrreryError InternalError when that cannot be done. */
  convert(objects: readonly KubeObject[], desiredApiVersion: string): Promise<KubeObject[]>;
}

/**
 * What converts the objects of a definition, undefined when only their apiVersion changes: a webhook, whose Service is
 * in `workspace`, or of one that is bound the rules of who exports it: on any other the annotation is a user's word.
 */
export function converterOf(
  definition: CustomResourceDefinition,
  parts: { webhooks: WebhookClient; workspace: string; isBound: boolean },
): Converter | undefined {
  const { conversion } = definition.spec;
  if (conversion?.strategy === 'Webhook' && conversion.webhook !== undefined)
    return new ConversionWebhook(conversion.webhook, parts.webhooks, parts.workspace);
  const rules = parts.isBound ? definition.metadata.annotations?.[CONVERSIONS_ANNOTATION] : undefined;
  return rules === undefined ? undefined : byRules(rules, definition);
}

function byRules(text: string, { spec }: CustomResourceDefinition): Converter {
  const conversions = JSON.parse(text) as apisv1alpha1.APIConversion['spec']['conversions'];
  const schemas = new Map(
    spec.versions.flatMap(({ name, schema }) =>
      schema?.openAPIV3Schema === undefined ? [] : [[name, schema.openAPIV3Schema] as const],
    ),
  );
  // They were checked when they were stored, against the schema they were stored for.
  const { rules } = ConversionRules.compile(conversions, schemas);
  return {
    convert: async (objects, desiredApiVersion) => {
      try {
        return rules.convert(objects, desiredApiVersion);
      } catch (cause) {
        throw internalError((cause as Error).message, cause);
      }
    },
  };
}
