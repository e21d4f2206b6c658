import { REPLICATION_CONTROLLERS } from '../../client/index.ts';
import { type corev1, selectorFromLabels } from '../../kube/index.ts';
import type { ControllerContext } from '../context.ts';
import { ReplicaSetController } from '../replicaset/replicaset-controller.ts';

/** Keeps as many pods as each ReplicationController asks for: a ReplicaSet whose selector is a set of labels. */
export class ReplicationControllerController extends ReplicaSetController {
  constructor(context: ControllerContext) {
    super(context, {
      controllerName: 'replication-controller',
      resource: REPLICATION_CONTROLLERS,
      selectorOf: (object) =>
        selectorFromLabels((object as unknown as corev1.ReplicationController).spec.selector),
    });
  }
}
