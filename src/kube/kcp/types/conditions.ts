/** A condition as kcp's kinds have it. */
export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  lastTransitionTime: string;
  /** Only of conditions that are False. */
  severity?: string;
  reason?: string;
  message?: string;
}
