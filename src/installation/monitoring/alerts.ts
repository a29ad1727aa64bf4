/** What Prometheus alerts of, as data. Each has its page in docs/runbooks, and a test that promtool runs. */

export interface Alert {
  name: string;
  expr: string;
  /** How long it must hold. */
  for: string;
  /** `critical`: nothing is done any more, or soon will not be · `warning`: look at it today. */
  severity: 'critical' | 'warning';
  /** One sentence, in which `{{ $labels.… }}` and `{{ $value }}` may stand. */
  summary: string;
}

/** The operator's targets, by a name of the job that has ours in it: other operators have metrics of the same names. */
export const JOB = 'job=~".*sb-operator.*"';

/** Reasons of refusals that are no fault of whoever asked. */
const OWN_FAULT = 'Failed|Busy|KeysUnavailable|ClusterUnavailable|StoreUnavailable|TooSlow';
/** A Trial that is in one of these states waits for somebody else; one that is `held` or `suspended` waits on purpose. */
const WAITING = 'queued|building|pending|pulling|retrying';

const share = (part: string, whole: string): string => `${part}\n  /\n${whole}`;

const percent = '{{ $value | humanizePercentage }}';

const ofOperator: Alert[] = [
  {
    name: 'SbOperatorDown',
    expr: 'absent(sb_build_info)',
    for: '5m',
    severity: 'critical',
    summary: 'Prometheus gets no metrics of any operator: either none runs, or it is not scraped.',
  },
  {
    name: 'SbOperatorReplicaDown',
    expr: `up{${JOB}} == 0`,
    for: '5m',
    severity: 'warning',
    summary: 'The operator at {{ $labels.instance }} does not answer.',
  },
  {
    name: 'SbNoLeader',
    expr: 'sum by (cluster) (leader_election_master_status{name="sb-operator"}) < 1',
    for: '2m',
    severity: 'critical',
    summary: 'No replica of the operator leads, so no Trial, TaskBuild or Sandbox goes on.',
  },
  {
    name: 'SbReconcileErrors',
    expr: `${share(
      `sum by (cluster, controller) (rate(controller_runtime_reconcile_errors_total{${JOB}}[10m]))`,
      `sum by (cluster, controller) (rate(controller_runtime_reconcile_total{${JOB}}[10m]))`,
    )} > 0.1`,
    for: '15m',
    severity: 'warning',
    summary: `The controller {{ $labels.controller }} fails in ${percent} of its reconciles.`,
  },
  {
    name: 'SbReconcileStuck',
    expr: `max by (cluster, controller) (workqueue_longest_running_processor_seconds{${JOB}}) > 120`,
    for: '5m',
    severity: 'warning',
    summary:
      'The controller {{ $labels.controller }} has worked on one object for {{ $value | humanizeDuration }}.',
  },
  {
    name: 'SbQueueNotDraining',
    expr: `sum by (cluster, controller) (workqueue_depth{${JOB}}) > 100`,
    for: '10m',
    severity: 'warning',
    summary:
      'The controller {{ $labels.controller }} has {{ $value }} objects waiting and does not catch up.',
  },
  {
    name: 'SbWatchSilent',
    expr: 'max by (cluster, resource) (sb_watch_silent_seconds) > 120',
    for: '1m',
    severity: 'critical',
    summary:
      'The API server has said nothing about {{ $labels.resource }} for {{ $value | humanizeDuration }}: the operator acts on what it knew then.',
  },
  {
    name: 'SbApiThrottled',
    expr: `sum by (cluster) (rate(rest_client_requests_total{${JOB},code="429"}[5m])) > 0.5`,
    for: '10m',
    severity: 'warning',
    summary: 'The API server turns away {{ $value | humanize }} requests of the operator a second.',
  },
  {
    name: 'SbEventLoopLag',
    expr: `nodejs_eventloop_lag_p99_seconds{${JOB}} > 0.5`,
    for: '10m',
    severity: 'warning',
    summary:
      'The operator at {{ $labels.instance }} is too busy: one answer in a hundred waits {{ $value | humanizeDuration }}.',
  },
];

const ofWork: Alert[] = [
  {
    name: 'SbTrialsFailForInfrastructure',
    expr: `${share(
      'sum by (cluster) (rate(sb_trials_finished_total{result="infrastructure"}[15m]))',
      'sum by (cluster) (rate(sb_trials_finished_total[15m]))',
    )} > 0.1`,
    for: '15m',
    severity: 'warning',
    summary: `Infrastructure lost ${percent} of the Trials that ended, after all their attempts.`,
  },
  {
    name: 'SbTrialsWaitTooLong',
    expr: `max by (cluster, namespace, state) (sb_trial_oldest_seconds{state=~"${WAITING}"}) > 3600`,
    for: '10m',
    severity: 'warning',
    summary:
      'A Trial in namespace {{ $labels.namespace }} has been {{ $labels.state }} for {{ $value | humanizeDuration }}.',
  },
  {
    name: 'SbModelsFail',
    expr: `${share(
      'sum by (cluster, type) (rate(sb_trial_model_failures_total[15m]))',
      '  on (cluster) group_left () sum by (cluster) (rate(sb_trials_finished_total[15m]))',
    )} > 0.2`,
    for: '15m',
    severity: 'warning',
    summary: `${percent} of the Trials that ended met {{ $labels.type }} of their model’s provider.`,
  },
  {
    name: 'SbBuildsFail',
    expr: `${share(
      'sum by (cluster) (rate(sb_taskbuilds_finished_total{result="infrastructure"}[30m]))',
      'sum by (cluster) (rate(sb_taskbuilds_finished_total[30m]))',
    )} > 0.2`,
    for: '15m',
    severity: 'warning',
    summary: `${percent} of the image builds that ended failed for builder or registry, not for their Dockerfile.`,
  },
];

const ofDependencies: Alert[] = [
  {
    name: 'SbProviderFailing',
    expr: `${share(
      'sum by (cluster, port) (rate(sb_provider_call_failures_total[5m]))',
      'sum by (cluster, port) (rate(sb_provider_call_duration_seconds_count[5m]))',
    )} > 0.1`,
    for: '10m',
    severity: 'warning',
    summary: `${percent} of the operator’s calls to {{ $labels.port }} fail.`,
  },
  {
    name: 'SbBrokerFailing',
    expr: `sum by (cluster) (rate(sb_broker_refusals_total{reason=~"${OWN_FAULT}"}[5m])) > 0.1`,
    for: '10m',
    severity: 'warning',
    summary:
      'The broker fails {{ $value | humanize }} requests a second of couriers and Sandboxes for faults of its own.',
  },
  {
    name: 'SbCertificateExpiresSoon',
    expr: 'min by (cluster) (sb_broker_certificate_not_after_timestamp_seconds) - time() < 7 * 86400',
    for: '1h',
    severity: 'warning',
    summary:
      'The broker’s certificate expires in {{ $value | humanizeDuration }}, and nobody has renewed it.',
  },
];

export const ALERTS: readonly Alert[] = [...ofOperator, ...ofWork, ...ofDependencies];

/** Where the page of an alert is, in the repository. */
export const runbookOf = ({ name }: Alert): string => `docs/runbooks/${name}.md`;

/** A file of rules as Prometheus reads it; what a PrometheusRule has as its spec. */
export const rulesFile = () => ({
  groups: [
    {
      name: 'sb-operator',
      rules: ALERTS.map((alert) => ({
        alert: alert.name,
        expr: alert.expr,
        for: alert.for,
        labels: { severity: alert.severity },
        annotations: { summary: alert.summary, runbook_url: runbookOf(alert) },
      })),
    },
  ],
});
