/** What the dashboard shows. Every query is limited to the operator's own targets: other operators have metrics of the same names. */

export interface Panel {
  title: string;
  /** What it shows and when to worry, where the title does not say it. */
  description?: string;
  unit?: 's' | 'bytes' | 'Bps' | 'percentunit' | 'currencyUSD' | 'short' | 'reqps';
  /** Amounts of one whole lie on top of each other. */
  stacked?: boolean;
  /** PromQL, with the name of each line. */
  queries: readonly (readonly [expr: string, legend: string])[];
}

export interface Board {
  title: string;
  panels: readonly Panel[];
}

/** Of the operator itself. */
const OWN = 'cluster=~"$cluster",job=~"$job"';
/** Of the namespaces that are chosen. */
const WORK = `${OWN},namespace=~"$namespace"`;

const rate = (metric: string, labels: string): string => `rate(${metric}{${labels}}[$__rate_interval])`;
const sumBy = (by: string, expr: string): string => `sum by (${by}) (${expr})`;

/** Of a histogram; `by`: labels that are told apart. */
const quantile = (share: number, [histogram, labels]: readonly [string, string], by: string[] = []): string =>
  `histogram_quantile(${share}, ${sumBy(['le', ...by].join(', '), rate(`${histogram}_bucket`, labels))})`;

const halfAndMost = (histogram: string, labels: string) =>
  [
    [quantile(0.5, [histogram, labels]), 'half within'],
    [quantile(0.95, [histogram, labels]), '95 % within'],
  ] as const;

/** A rate of what may never have happened: then there is no series, and 0 is the truth. */
const or0 = (expr: string): string => `${expr} or vector(0)`;

const trials: Board = {
  title: 'Trials',
  panels: [
    {
      title: 'Trials that have not ended',
      stacked: true,
      queries: [[sumBy('state', `sb_trials{${WORK}}`), '{{state}}']],
    },
    {
      title: 'Trials that end, a minute',
      description: 'Succeeded: with a reward, whatever its value. All others by whose fault it is.',
      stacked: true,
      queries: [[`60 * ${sumBy('result', rate('sb_trials_finished_total', WORK))}`, '{{result}}']],
    },
    {
      title: 'Share that infrastructure lost',
      description: 'Of the Trials that ended, after all their attempts.',
      unit: 'percentunit',
      queries: [
        [
          `(${or0(`sum(${rate('sb_trials_finished_total', `${WORK},result="infrastructure"`)})`)}) / sum(${rate('sb_trials_finished_total', WORK)})`,
          'lost',
        ],
      ],
    },
    {
      title: 'Why Trials fail, a minute',
      stacked: true,
      queries: [
        [
          `60 * ${sumBy('reason', rate('sb_trials_finished_total', `${WORK},result!="succeeded"`))}`,
          '{{reason}}',
        ],
      ],
    },
    {
      title: 'Mean reward by agent',
      description: 'Rewards below 0 count as 0, those above 1 as 1.',
      queries: [
        [
          `${sumBy('agent', rate('sb_trial_reward_sum', WORK))} / ${sumBy('agent', rate('sb_trial_reward_count', WORK))}`,
          '{{agent}}',
        ],
      ],
    },
    {
      title: 'From creation to end',
      unit: 's',
      queries: halfAndMost('sb_trial_duration_seconds', WORK),
    },
    {
      title: 'Phases, 95 % within',
      unit: 's',
      queries: [[quantile(0.95, ['sb_trial_phase_seconds', WORK], ['phase']), '{{phase}}']],
    },
    {
      title: 'Attempts that end, a minute',
      description: 'Retries are hidden in the results: here they show.',
      stacked: true,
      queries: [[`60 * ${sumBy('reason', rate('sb_trial_attempts_total', OWN))}`, '{{reason}}']],
    },
    {
      title: 'Tokens a second',
      queries: [[sumBy('agent, kind', rate('sb_trial_tokens_total', WORK)), '{{agent}} {{kind}}']],
    },
    {
      title: 'Cost an hour',
      unit: 'currencyUSD',
      stacked: true,
      queries: [[`3600 * ${sumBy('agent', rate('sb_trial_cost_usd_total', WORK))}`, '{{agent}}']],
    },
    {
      title: 'Failures of models, a minute',
      queries: [[or0(`60 * ${sumBy('type', rate('sb_trial_model_failures_total', OWN))}`), '{{type}}']],
    },
    {
      title: 'From the courier’s report to the Trial’s end',
      unit: 's',
      queries: halfAndMost('sb_trial_finalize_seconds', OWN),
    },
  ],
};

const sandboxes: Board = {
  title: 'Sandboxes',
  panels: [
    {
      title: 'Sandboxes and pools',
      stacked: true,
      queries: [[sumBy('state, reason', `sb_sandboxes{${WORK}}`), '{{state}} {{reason}}']],
    },
    {
      title: 'Until they are ready, 95 % within',
      unit: 's',
      queries: [[quantile(0.95, ['sb_sandbox_start_seconds', WORK], ['from']), 'from {{from}}']],
    },
    {
      title: 'Connections of programs',
      queries: [[`sum(sb_broker_sandbox_connections_open{${OWN}})`, 'open']],
    },
    {
      title: 'Jobs that end, a minute',
      queries: [[or0(`60 * ${sumBy('reason', rate('sb_sandbox_attempts_total', OWN))}`), '{{reason}}']],
    },
  ],
};

const queue: Board = {
  title: 'Queue',
  panels: [
    {
      title: 'What Trials wait for',
      stacked: true,
      queries: [[sumBy('reason', `sb_trials{${WORK},state!~"running|verifying|suspended"}`), '{{reason}}']],
    },
    {
      title: 'The oldest, by state',
      unit: 's',
      queries: [[`max by (state) (sb_trial_oldest_seconds{${WORK}})`, '{{state}}']],
    },
    {
      title: 'From creation to Job',
      description: 'Builds of images included.',
      unit: 's',
      queries: halfAndMost('sb_trial_queue_seconds', WORK),
    },
    {
      title: 'From Job to work',
      description: 'Scheduling, pulling and starting the Pod.',
      unit: 's',
      queries: halfAndMost('sb_trial_start_seconds', WORK),
    },
  ],
};

const builds: Board = {
  title: 'Builds',
  panels: [
    {
      title: 'Builds that have not ended',
      stacked: true,
      queries: [[or0(sumBy('reason', `sb_taskbuilds{${WORK}}`)), '{{reason}}']],
    },
    {
      title: 'Builds that end, a minute',
      stacked: true,
      queries: [[`60 * ${sumBy('reason', rate('sb_taskbuilds_finished_total', WORK))}`, '{{reason}}']],
    },
    {
      title: 'Until the builder runs them',
      unit: 's',
      queries: halfAndMost('sb_taskbuild_queue_seconds', WORK),
    },
    { title: 'How long they run', unit: 's', queries: halfAndMost('sb_taskbuild_seconds', WORK) },
  ],
};

const operator: Board = {
  title: 'Operator',
  panels: [
    {
      title: 'Replicas, and how many lead',
      queries: [
        [sumBy('version', `sb_build_info{${OWN}}`), 'version {{version}}'],
        [`sum(leader_election_master_status{${OWN}})`, 'leaders'],
      ],
    },
    {
      title: 'Reconciles a second',
      queries: [[sumBy('controller', rate('controller_runtime_reconcile_total', OWN)), '{{controller}}']],
    },
    {
      title: 'Reconciles that fail, a second',
      queries: [
        [sumBy('controller', rate('controller_runtime_reconcile_errors_total', OWN)), '{{controller}}'],
      ],
    },
    {
      title: 'Reconciles, 99 % within',
      unit: 's',
      queries: [
        [
          quantile(0.99, ['controller_runtime_reconcile_time_seconds', OWN], ['controller']),
          '{{controller}}',
        ],
      ],
    },
    {
      title: 'Objects that wait for a controller',
      queries: [[sumBy('controller', `workqueue_depth{${OWN}}`), '{{controller}}']],
    },
    {
      title: 'The longest reconcile under way',
      unit: 's',
      queries: [
        [`max by (controller) (workqueue_longest_running_processor_seconds{${OWN}})`, '{{controller}}'],
      ],
    },
    {
      title: 'Event loop: 99 % of turns within',
      unit: 's',
      queries: [[`nodejs_eventloop_lag_p99_seconds{${OWN}}`, '{{instance}} {{pod}}']],
    },
    {
      title: 'Memory',
      unit: 'bytes',
      queries: [[`process_resident_memory_bytes{${OWN}}`, '{{instance}} {{pod}}']],
    },
    {
      title: 'Processors',
      queries: [[rate('process_cpu_seconds_total', OWN), '{{instance}} {{pod}}']],
    },
  ],
};

const dependencies: Board = {
  title: 'Dependencies',
  panels: [
    {
      title: 'API server: requests',
      unit: 'reqps',
      queries: [[sumBy('method, code', rate('rest_client_requests_total', OWN)), '{{method}} {{code}}']],
    },
    {
      title: 'API server: time since it said anything',
      description: 'It does so at least every 45 seconds.',
      unit: 's',
      queries: [[`max by (resource) (sb_watch_silent_seconds{${OWN}})`, '{{resource}}']],
    },
    {
      title: 'API server: watches that break off, a minute',
      queries: [[or0(`60 * ${sumBy('reason', rate('sb_watch_failures_total', OWN))}`), '{{reason}}']],
    },
    {
      title: 'Storage, registry, builder: calls',
      unit: 'reqps',
      queries: [[sumBy('port', rate('sb_provider_call_duration_seconds_count', OWN)), '{{port}}']],
    },
    {
      title: 'Storage, registry, builder: calls that fail',
      unit: 'reqps',
      queries: [
        [or0(sumBy('port, reason', rate('sb_provider_call_failures_total', OWN))), '{{port}} {{reason}}'],
      ],
    },
    {
      title: 'Storage, registry, builder: 95 % within',
      unit: 's',
      queries: [[quantile(0.95, ['sb_provider_call_duration_seconds', OWN], ['port']), '{{port}}']],
    },
    {
      title: 'Broker: requests',
      unit: 'reqps',
      queries: [[sumBy('route, code', rate('sb_broker_requests_total', OWN)), '{{route}} {{code}}']],
    },
    {
      title: 'Broker: refusals',
      unit: 'reqps',
      queries: [[or0(sumBy('reason', rate('sb_broker_refusals_total', OWN))), '{{reason}}']],
    },
    {
      title: 'Broker: 95 % within',
      unit: 's',
      queries: [[quantile(0.95, ['sb_broker_request_seconds', OWN], ['route']), '{{route}}']],
    },
    {
      title: 'Results that couriers store',
      unit: 'Bps',
      queries: [[`sum(${rate('sb_broker_upload_bytes_total', OWN)})`, 'bytes']],
    },
    {
      title: 'Until the broker’s certificate expires',
      unit: 's',
      queries: [[`min(sb_broker_certificate_not_after_timestamp_seconds{${OWN}}) - time()`, 'left']],
    },
  ],
};

export const boards: readonly Board[] = [trials, sandboxes, queue, builds, operator, dependencies];
