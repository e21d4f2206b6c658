import type { ApiRequest, User } from '../http/messages.ts';
import { MASTERS_GROUP } from '../http/messages.ts';
import type { RequestInfo } from '../request-info/request-info.ts';
import { type FlowGate, type FlowTicket, Overloaded } from './flow-control.ts';

const READING = new Set(['get', 'list', 'watch']);

/**
 * Two caps on what runs at once, reading and writing, where priority and fairness is switched off; `system:masters`
 * are let in beyond them. 0: no cap. Source: k8s.io/apiserver/pkg/server/filters/maxinflight.go.
 */
export class InflightLimit implements FlowGate {
  readonly #limits: { reading: number; mutating: number };
  readonly #running = { reading: 0, mutating: 0 };

  constructor(limits: { reading: number; mutating: number }) {
    this.#limits = limits;
  }

  enter(user: User, info: RequestInfo, _request: ApiRequest): FlowTicket {
    const kind = READING.has(info.verb) ? 'reading' : 'mutating';
    const limit = this.#limits[kind];
    if (limit > 0 && this.#running[kind] >= limit && !user.groups.includes(MASTERS_GROUP))
      throw new Overloaded({});
    this.#running[kind]++;
    return { headers: undefined, release: () => this.#running[kind]-- };
  }
}
