import type { ApiServer } from '../apiserver/index.ts';
import { type Client, createClient } from '../client/index.ts';
import { orreryVersion } from './version.ts';

/** The API server as the control plane's own parts see it: by function call, each under its own name and rights. */
export interface ComponentClients {
  /** `system:kube-controller-manager`: what controllers share, such as their caches. */
  controllerManager: Client;
  /** `system:kube-scheduler`. */
  scheduler: Client;
  /** A controller's service account in kube-system, as with kube-controller-manager's --use-service-account-credentials. */
  controller(account: string): Client;
}

const NAMESPACE = 'kube-system';

export function componentClients(api: Pick<ApiServer, 'localTransport'>): ComponentClients {
  const clientOf = (name: string, component: string, groups: readonly string[] = []) =>
    createClient(api.localTransport({ name, groups: [...groups] }), {
      userAgent: `${component}/${orreryVersion}`,
    });
  return {
    controllerManager: clientOf('system:kube-controller-manager', 'kube-controller-manager'),
    scheduler: clientOf('system:kube-scheduler', 'kube-scheduler'),
    controller: (account) =>
      clientOf(`system:serviceaccount:${NAMESPACE}:${account}`, `kube-controller-manager/${account}`, [
        'system:serviceaccounts',
        `system:serviceaccounts:${NAMESPACE}`,
      ]),
  };
}
