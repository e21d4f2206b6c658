/** What one nft table is to hold, object by object, so that two of them can be told apart. */
export interface TablePlan {
  /** `ip orrery_1a2b3c` */
  table: string;
  chains: Map<string, ChainPlan>;
  /** Sets and maps whose elements are planned. */
  collections: Map<string, CollectionPlan>;
  /** Sets the kernel fills (session affinity): name → definition. Their elements outlive a change of plan. */
  dynamicSets: Map<string, string>;
}

export interface ChainPlan {
  /** `type nat hook prerouting priority dstnat; policy accept;` for a base chain. */
  hook?: string;
  rules: string[];
}

export interface CollectionPlan {
  kind: 'set' | 'map';
  /** `type ipv4_addr . inet_proto . inet_service : verdict;` */
  definition: string;
  /** Key → value; the value is '' in a set. */
  elements: Map<string, string>;
}

/** The names of what a table holds now, when its content is not known. */
export interface TableNames {
  chains: string[];
  sets: string[];
  maps: string[];
}
