/**
 * A hand of `handSize` different queues out of `queues`, dealt by the hash of a flow: two flows seldom share all of
 * theirs. Source: KEP-1040, k8s.io/apiserver/pkg/util/shufflesharding.
 */
export function dealHand(flow: string, { queues, handSize }: { queues: number; handSize: number }): number[] {
  const size = Math.min(handSize, queues);
  const hand: number[] = [];
  let entropy = hash(flow);
  for (let card = 0; card < size; card++) {
    entropy = mixed(entropy + 0x9e3779b9 * (card + 1));
    let pick = entropy % (queues - card);
    // The pick counts only the queues that are not in the hand yet.
    for (const taken of [...hand].sort((a, b) => a - b)) if (pick >= taken) pick++;
    hand.push(pick);
  }
  return hand;
}

/** FNV-1a; the caller salts the text, so that nobody can choose a name to meet somebody else's hand. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}

/** The finalizer of MurmurHash3. */
function mixed(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
