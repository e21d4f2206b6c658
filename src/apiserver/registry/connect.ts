import { isTrue } from '../request-info/request-info.ts';
import { groupVersion } from '../storage/object-storage.ts';
import { kindOf } from '../webhooks/attributes.ts';
import { admissionRequest, type Registry, type ResourceRequest } from './registry.ts';

const FLAGS = ['stdin', 'stdout', 'stderr', 'tty'];

/**
 * Admission of a connection (exec, attach, port-forward, proxy): operation CONNECT, the options of the query as its
 * object. Source: k8s.io/apiserver/pkg/endpoints/handlers/rest.go ConnectResource.
 */
export async function admitConnect(registry: Registry, request: ResourceRequest): Promise<void> {
  const admission = admissionRequest(request, 'CONNECT', request.name ?? '', { body: {}, dryRun: false });
  const kind = kindOf(admission);
  admission.body = { kind: kind.kind, apiVersion: groupVersion(kind), ...optionsOf(request) };
  await registry.admission.mutate(admission);
  await registry.admission.validate(admission);
}

function optionsOf({ request }: ResourceRequest): Record<string, unknown> {
  const query = request.query ?? new URLSearchParams();
  const options: Record<string, unknown> = {};
  for (const flag of FLAGS) if (isTrue(query.get(flag))) options[flag] = true;
  for (const name of ['container', 'path']) if (query.get(name)) options[name] = query.get(name);
  const [command, ports] = [query.getAll('command'), query.getAll('ports')];
  if (command.length > 0) options.command = command;
  if (ports.length > 0) options.ports = ports.map(Number);
  return options;
}
