import type { MetricRegistry } from '../../base/index.ts';

const DURATIONS = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
const LEVEL = ['priority_level'];
const FLOW = ['priority_level', 'flow_schema'];

/** apiserver_flowcontrol_*; k8s.io/apiserver/pkg/util/flowcontrol/metrics. */
export function flowMetrics(registry: MetricRegistry) {
  const name = (short: string) => `apiserver_flowcontrol_${short}`;
  const gauge = (short: string, help: string, labels: readonly string[] = LEVEL) =>
    registry.gauge({ name: name(short), help, labels });
  return {
    rejected: registry.counter({
      name: name('rejected_requests_total'),
      help: 'Number of requests rejected by API Priority and Fairness subsystem',
      labels: [...FLOW, 'reason'],
      stability: 'BETA',
    }),
    dispatched: registry.counter({
      name: name('dispatched_requests_total'),
      help: 'Number of requests executed by API Priority and Fairness subsystem',
      labels: FLOW,
      stability: 'BETA',
    }),
    inQueue: registry.gauge({
      name: name('current_inqueue_requests'),
      help: 'Number of requests currently pending in queues of the API Priority and Fairness subsystem',
      labels: FLOW,
      stability: 'BETA',
    }),
    inQueueSeats: gauge(
      'current_inqueue_seats',
      'Number of seats currently pending in queues of the API Priority and Fairness subsystem',
      FLOW,
    ),
    executing: registry.gauge({
      name: name('current_executing_requests'),
      help: 'Number of requests in initial (for a WATCH) or any (for a non-WATCH) execution stage in the API Priority and Fairness subsystem',
      labels: FLOW,
      stability: 'BETA',
    }),
    executingSeats: registry.gauge({
      name: name('current_executing_seats'),
      help: 'Concurrency (number of seats) occupied by the currently executing (initial stage for a WATCH, any stage otherwise) requests in the API Priority and Fairness subsystem',
      labels: FLOW,
      stability: 'BETA',
    }),
    waited: registry.histogram(
      {
        name: name('request_wait_duration_seconds'),
        help: 'Length of time a request spent waiting in its queue',
        labels: [...FLOW, 'execute'],
        stability: 'BETA',
      },
      DURATIONS,
    ),
    executed: registry.histogram(
      {
        name: name('request_execution_seconds'),
        help: 'Duration of initial stage (for a WATCH) or any (for a non-WATCH) stage of request execution in the API Priority and Fairness subsystem',
        labels: [...FLOW, 'type'],
      },
      DURATIONS,
    ),
    estimatedSeats: registry.histogram(
      {
        name: name('work_estimated_seats'),
        help: 'Number of estimated seats (maximum of initial and final seats) associated with requests in API Priority and Fairness',
        labels: FLOW,
      },
      [1, 2, 4, 10],
    ),
    nominalSeats: registry.gauge({
      name: name('nominal_limit_seats'),
      help: 'Nominal number of execution seats configured for each priority level',
      labels: LEVEL,
      stability: 'BETA',
    }),
    lowerSeats: gauge(
      'lower_limit_seats',
      'Configured lower bound on number of execution seats available to each priority level',
    ),
    upperSeats: gauge(
      'upper_limit_seats',
      'Configured upper bound on number of execution seats available to each priority level',
    ),
    currentSeats: gauge(
      'current_limit_seats',
      'current derived number of execution seats available to each priority level',
    ),
    targetSeats: gauge('target_seats', 'Seat allocation targets'),
    demandHigh: gauge(
      'demand_seats_high_watermark',
      'High watermark, over last adjustment period, of demand_seats',
    ),
    demandAverage: gauge(
      'demand_seats_average',
      'Time-weighted average, over last adjustment period, of demand_seats',
    ),
    demandDeviation: gauge(
      'demand_seats_stdev',
      'Time-weighted standard deviation, over last adjustment period, of demand_seats',
    ),
    demandSmoothed: gauge('demand_seats_smoothed', 'Smoothed seat demands'),
    fairFraction: gauge(
      'seat_fair_frac',
      "Fair fraction of server's concurrency to allocate to each priority level that can use it",
      [],
    ),
  };
}

export type FlowMetrics = ReturnType<typeof flowMetrics>;
