import { type apiextensionsv1, BOUND_DEFINITIONS_WORKSPACE } from '../../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../../admission/admission.ts';
import { aggregated, refused, writes } from './refusal.ts';

type Definition = apiextensionsv1.CustomResourceDefinition;

const DEFINITIONS = { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' };
const SYSTEM_DEFINITIONS_WORKSPACE = 'system:system-crds';
const GROUP = 'apis.kcp.io';

/** Nobody defines resources of kcp's own group. Source: kcp pkg/admission/reservedcrdgroups. */
export const reservedDefinitionGroups: AdmissionPlugin = {
  name: 'kcp.io/ReservedCRDGroups',
  validate(request: AdmissionRequest): void {
    if (!writes(request, DEFINITIONS) || request.workspace === SYSTEM_DEFINITIONS_WORKSPACE) return;
    const { group } = (request.object as Definition).spec;
    if (group.endsWith(GROUP)) throw refused(request, `${group} is a reserved group`);
  },
};

/** Nobody says that a definition was bound. Source: kcp pkg/admission/reservedcrdannotations. */
export const reservedDefinitionAnnotations: AdmissionPlugin = {
  name: 'apis.kcp.io/ReservedCRDAnnotations',
  validate(request: AdmissionRequest): void {
    if (!writes(request, DEFINITIONS) || request.workspace === BOUND_DEFINITIONS_WORKSPACE) return;
    const reserved = Object.keys(request.object!.metadata.annotations ?? {}).filter((key) => {
      const [domain = ''] = key.split('/');
      return domain === GROUP || domain.endsWith(`.${GROUP}`);
    });
    if (reserved.length > 0)
      throw refused(request, aggregated(reserved.map((key) => `${key} is a reserved annotation`)));
  },
};
