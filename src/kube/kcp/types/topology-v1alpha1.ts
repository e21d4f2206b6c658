import type { KubeObject } from '../../object.ts';
import type { metav1 } from '../../types/index.generated.ts';
import type { Condition } from './conditions.ts';

export interface Partition extends KubeObject {
  spec: { selector?: metav1.LabelSelector };
}

export interface PartitionSet extends KubeObject {
  spec: { dimensions?: string[]; shardSelector?: metav1.LabelSelector };
  status?: { count?: number; conditions?: Condition[] };
}
