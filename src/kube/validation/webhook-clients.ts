import type { FieldError } from '../../base/index.ts';
import type { admissionregistrationv1 } from '../types/index.generated.ts';
import { invalid, required } from './field-errors.ts';
import { dns1123Subdomain, portNumber } from './formats.ts';

const URL_FORM = '; desired format: https://host[/path]';

/**
 * Where a webhook is called: exactly one of url and service; the same for admission and conversion.
 * Source: k8s.io/apiserver/pkg/util/webhook/validation.go.
 */
export function validateWebhookClient(
  config: admissionregistrationv1.WebhookClientConfig | undefined,
  field: string,
): FieldError[] {
  const { url, service } = config ?? {};
  if ((url === undefined) === (service === undefined)) {
    return [required(field, 'exactly one of url or service is required')];
  }
  if (url !== undefined) return validateUrl(url, `${field}.url`);
  return validateService(service!, `${field}.service`);
}

function validateUrl(text: string, field: string): FieldError[] {
  if (!URL.canParse(text)) {
    return [invalid(field, text, `url must be a valid URL: parse ${JSON.stringify(text)}${URL_FORM}`)];
  }
  const url = new URL(text);
  const errors: FieldError[] = [];
  const scheme = url.protocol.slice(0, -1);
  if (scheme !== 'https') {
    errors.push(invalid(field, scheme, `'https' is the only allowed URL scheme${URL_FORM}`));
  }
  if (url.host === '') errors.push(invalid(field, url.host, `host must be specified${URL_FORM}`));
  if (url.username !== '' || url.password !== '') {
    errors.push(invalid(field, url.username, 'user information is not permitted in the URL'));
  }
  if (url.hash !== '') {
    errors.push(invalid(field, url.hash.slice(1), 'fragments are not permitted in the URL'));
  }
  if (url.search !== '') {
    errors.push(invalid(field, url.search.slice(1), 'query parameters are not permitted in the URL'));
  }
  return errors;
}

function validateService(service: admissionregistrationv1.ServiceReference, field: string): FieldError[] {
  const { name, namespace, path = '', port = 0 } = service;
  const errors: FieldError[] = [];
  if (!name) errors.push(required(`${field}.name`, 'service name is required'));
  if (!namespace) errors.push(required(`${field}.namespace`, 'service namespace is required'));
  const wrongPort = portNumber(port);
  if (wrongPort.length > 0) {
    errors.push(invalid(`${field}.port`, port, `port is not valid: ${wrongPort.join(', ')}`));
  }
  return [...errors, ...validatePath(path, `${field}.path`)];
}

function validatePath(path: string, field: string): FieldError[] {
  if (path === '' || path === '/') return [];
  if (path === '//') return [invalid(field, path, 'segment[0] may not be empty')];
  if (!path.startsWith('/')) return [invalid(field, path, "must start with a '/'")];
  const segments = path.slice(1).replace(/\/$/, '').split('/');
  return segments.flatMap((segment, index) => {
    if (segment === '') return [invalid(field, path, `segment[${index}] may not be empty`)];
    return dns1123Subdomain(segment).map((why) => invalid(field, path, `segment[${index}]: ${why}`));
  });
}
