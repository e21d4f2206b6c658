import { tooManyRequests } from '../errors.ts';

/** kube-apiserver's --max-requests-inflight and --max-mutating-requests-inflight. */
const READING_LIMIT = 400;
const MUTATING_LIMIT = 200;

/** Bounds what runs at once; watches, logs and exec, and `system:masters`, are exempt as upstream. */
export class FlowControl {
  #reading = 0;
  #mutating = 0;

  /** @throws OrreryError TooManyRequests (429). Call what it returns when the request is done. */
  enter(method: string): () => void {
    if (method === 'GET') {
      if (this.#reading >= READING_LIMIT) throw tooManyRequests(1);
      this.#reading++;
      return () => this.#reading--;
    }
    if (this.#mutating >= MUTATING_LIMIT) throw tooManyRequests(1);
    this.#mutating++;
    return () => this.#mutating--;
  }
}
