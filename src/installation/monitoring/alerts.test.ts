import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unknownMetrics } from '../../../test/support/promql.ts';
import { promtool } from '../../../test/support/prometheus.ts';
import { ALERTS, rulesFile, runbookOf, type Alert } from './alerts.ts';

const ROOT = join(import.meta.dirname, '../../..');

type Series = Record<string, string>;

interface Case {
  /** Samples a minute apart, in promtool's notation. */
  fires: Series;
  /** Minutes from the first sample until it must be firing; a minute in it must not be yet. */
  at: number;
  labels?: Record<string, string>;
  says: string;
  /** What looks like it and is none of it. */
  quiet: Series;
}

const job = 'job="monitoring/sb-operator"';
const other = 'job="other-operator"';

const CASES: Record<string, Case> = {
  SbOperatorDown: {
    fires: { [`up{${job}}`]: '0x60' },
    at: 6,
    says: 'Prometheus gets no metrics of any operator: either none runs, or it is not scraped.',
    quiet: { 'sb_build_info{version="1"}': '1x60' },
  },
  SbOperatorReplicaDown: {
    fires: { [`up{${job},instance="a"}`]: '0x60', [`up{${job},instance="b"}`]: '1x60' },
    at: 6,
    labels: { instance: 'a', job: 'monitoring/sb-operator' },
    says: 'The operator at a does not answer.',
    quiet: { [`up{${other},instance="a"}`]: '0x60', [`up{${job},instance="b"}`]: '0x3 1x60' },
  },
  SbNoLeader: {
    fires: {
      'leader_election_master_status{name="sb-operator",pod="a"}': '1 0x60',
      'leader_election_master_status{name="sb-operator",pod="b"}': '0x60',
      'leader_election_master_status{name="another"}': '1x60',
    },
    at: 4,
    says: 'No replica of the operator leads, so no Trial, TaskBuild or Sandbox goes on.',
    quiet: {
      'leader_election_master_status{name="sb-operator",pod="a"}': '1x1 0x60',
      'leader_election_master_status{name="sb-operator",pod="b"}': '0x2 1x60',
    },
  },
  SbReconcileErrors: {
    fires: {
      [`controller_runtime_reconcile_errors_total{${job},controller="trial"}`]: '0+2x60',
      [`controller_runtime_reconcile_total{${job},controller="trial",result="success"}`]: '0+8x60',
      [`controller_runtime_reconcile_total{${job},controller="trial",result="error"}`]: '0+2x60',
    },
    at: 17,
    labels: { controller: 'trial' },
    says: 'The controller trial fails in 20% of its reconciles.',
    quiet: {
      [`controller_runtime_reconcile_errors_total{${job},controller="trial"}`]: '0+1x60',
      [`controller_runtime_reconcile_total{${job},controller="trial"}`]: '0+20x60',
      [`controller_runtime_reconcile_errors_total{${other},controller="trial"}`]: '0+9x60',
      [`controller_runtime_reconcile_total{${other},controller="trial"}`]: '0+9x60',
    },
  },
  SbReconcileStuck: {
    fires: { [`workqueue_longest_running_processor_seconds{${job},controller="trial"}`]: '200x60' },
    at: 6,
    labels: { controller: 'trial' },
    says: 'The controller trial has worked on one object for 3m 20s.',
    quiet: { [`workqueue_longest_running_processor_seconds{${job},controller="runs"}`]: '60+60x4 0x60' },
  },
  SbQueueNotDraining: {
    fires: {
      [`workqueue_depth{${job},controller="trial",priority="0"}`]: '80x60',
      [`workqueue_depth{${job},controller="trial",priority="-100"}`]: '50x60',
    },
    at: 11,
    labels: { controller: 'trial' },
    says: 'The controller trial has 130 objects waiting and does not catch up.',
    quiet: { [`workqueue_depth{${job},controller="trial",priority="0"}`]: '5000-600x9 0x60' },
  },
  SbWatchSilent: {
    fires: { 'sb_watch_silent_seconds{resource="pods"}': '75x1 150x60' },
    at: 4,
    labels: { resource: 'pods' },
    says: 'The API server has said nothing about pods for 2m 30s: the operator acts on what it knew then.',
    quiet: { 'sb_watch_silent_seconds{resource="pods"}': '75x60' },
  },
  SbApiThrottled: {
    fires: { [`rest_client_requests_total{${job},method="GET",code="429"}`]: '0+120x60' },
    at: 13,
    says: 'The API server turns away 2 requests of the operator a second.',
    quiet: {
      [`rest_client_requests_total{${job},method="GET",code="429"}`]: '0+6x60',
      [`rest_client_requests_total{${job},method="GET",code="200"}`]: '0+6000x60',
    },
  },
  SbEventLoopLag: {
    fires: { [`nodejs_eventloop_lag_p99_seconds{${job},instance="a"}`]: '0.8x60' },
    at: 11,
    labels: { instance: 'a', job: 'monitoring/sb-operator' },
    says: 'The operator at a is too busy: one answer in a hundred waits 800ms.',
    quiet: { [`nodejs_eventloop_lag_p99_seconds{${other},instance="a"}`]: '0.8x60' },
  },
  SbTrialsFailForInfrastructure: {
    fires: {
      'sb_trials_finished_total{namespace="a",result="infrastructure",reason="NodeLost"}': '0+2x60',
      'sb_trials_finished_total{namespace="a",result="succeeded",reason="RewardObtained"}': '0+8x60',
    },
    at: 17,
    says: 'Infrastructure lost 20% of the Trials that ended, after all their attempts.',
    quiet: {
      'sb_trials_finished_total{namespace="a",result="agent",reason="OOMKilled"}': '0+19x60',
      'sb_trials_finished_total{namespace="a",result="infrastructure",reason="NodeLost"}': '0+1x60',
    },
  },
  SbTrialsWaitTooLong: {
    fires: { 'sb_trial_oldest_seconds{namespace="evals",state="pending"}': '3700+60x60' },
    at: 11,
    labels: { namespace: 'evals', state: 'pending' },
    says: 'A Trial in namespace evals has been pending for 1h 12m 40s.',
    quiet: {
      'sb_trial_oldest_seconds{namespace="evals",state="running"}': '9000x60',
      'sb_trial_oldest_seconds{namespace="evals",state="suspended"}': '90000x60',
      'sb_trial_oldest_seconds{namespace="evals",state="held"}': '90000x60',
    },
  },
  SbModelsFail: {
    fires: {
      'sb_trial_model_failures_total{agent="codex",type="ApiRateLimitError"}': '0+3x60',
      'sb_trials_finished_total{namespace="a",result="succeeded"}': '0+6x60',
      'sb_trials_finished_total{namespace="b",result="agent"}': '0+4x60',
    },
    at: 17,
    labels: { type: 'ApiRateLimitError' },
    says: '30% of the Trials that ended met ApiRateLimitError of their model’s provider.',
    quiet: {
      'sb_trial_model_failures_total{agent="codex",type="ApiRateLimitError"}': '0+1x60',
      'sb_trials_finished_total{namespace="a",result="succeeded"}': '0+10x60',
    },
  },
  SbBuildsFail: {
    fires: {
      'sb_taskbuilds_finished_total{result="infrastructure",reason="PushDenied"}': '0+1x60',
      'sb_taskbuilds_finished_total{result="succeeded",reason="Built"}': '0+3x60',
    },
    at: 17,
    says: '25% of the image builds that ended failed for builder or registry, not for their Dockerfile.',
    quiet: {
      'sb_taskbuilds_finished_total{result="definition",reason="DockerfileFailed"}': '0+9x60',
      'sb_taskbuilds_finished_total{result="infrastructure",reason="PushDenied"}': '0+1x60',
    },
  },
  SbProviderFailing: {
    fires: {
      'sb_provider_call_failures_total{port="artifact-store",method="put",reason="Unavailable"}': '0+5x60',
      'sb_provider_call_duration_seconds_count{port="artifact-store",method="put"}': '0+10x60',
      'sb_provider_call_duration_seconds_count{port="image-registry",method="find"}': '0+10x60',
    },
    at: 12,
    labels: { port: 'artifact-store' },
    says: '50% of the operator’s calls to artifact-store fail.',
    quiet: {
      'sb_provider_call_failures_total{port="artifact-store",method="put",reason="Unavailable"}': '0+1x60',
      'sb_provider_call_duration_seconds_count{port="artifact-store",method="put"}': '0+20x60',
    },
  },
  SbBrokerFailing: {
    fires: { 'sb_broker_refusals_total{reason="StoreUnavailable"}': '0+60x60' },
    at: 12,
    says: 'The broker fails 1 requests a second of couriers and Sandboxes for faults of its own.',
    quiet: { 'sb_broker_refusals_total{reason="WrongAudience"}': '0+600x60' },
  },
  SbCertificateExpiresSoon: {
    fires: { sb_broker_certificate_not_after_timestamp_seconds: `${6 * 86_400}x180` },
    at: 61,
    says: 'The broker’s certificate expires in 5d 22h 59m 0s, and nobody has renewed it.',
    quiet: { sb_broker_certificate_not_after_timestamp_seconds: `${29 * 86_400}x180` },
  },
};

const given = (series: Series) => ({
  interval: '1m',
  input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
});

/** What promtool is to find of one alert. */
function ruleTests({ name, severity, ...alert }: Alert): object[] {
  const found = CASES[name];
  if (!found) throw new Error(`no case for ${name}`);
  const at = (minutes: number, alerts: object[] = []) => ({
    eval_time: `${minutes}m`,
    alertname: name,
    exp_alerts: alerts,
  });
  const expected = {
    exp_labels: { severity, ...found.labels },
    exp_annotations: { summary: found.says, runbook_url: runbookOf({ name, severity, ...alert }) },
  };
  return [
    { ...given(found.fires), alert_rule_test: [at(1), at(found.at, [expected])] },
    { ...given(found.quiet), alert_rule_test: [at(found.at)] },
  ];
}

describe('The alerts', () => {
  let folder: string;
  let tool: string;
  before(async function () {
    this.timeout(180_000);
    tool = await promtool(this);
    folder = mkdtempSync(join(tmpdir(), 'sb-rules-'));
    // promtool reads YAML, which JSON is.
    writeFileSync(join(folder, 'rules.yaml'), JSON.stringify(rulesFile()));
  });
  after(() => {
    if (folder) rmSync(folder, { recursive: true });
  });
  const run = (...args: string[]): string =>
    execFileSync(tool, args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });

  it('are rules that Prometheus reads', () => {
    expect(run('check', 'rules', 'rules.yaml')).to.contain(`${ALERTS.length} rules found`);
  });

  for (const alert of ALERTS)
    it(`${alert.name} fires when it should, says so, and is quiet otherwise`, () => {
      const file = join(folder, `${alert.name}.json`);
      const suite = { rule_files: ['rules.yaml'], evaluation_interval: '1m', tests: ruleTests(alert) };
      writeFileSync(file, JSON.stringify(suite));
      expect(run('test', 'rules', file)).to.contain('SUCCESS');
    });

  it('are tested by something that notices an alert that says anything else', () => {
    const [first] = ALERTS;
    const tests = ruleTests({ ...first!, severity: 'warning' });
    const file = join(folder, 'wrong.json');
    writeFileSync(file, JSON.stringify({ rule_files: ['rules.yaml'], evaluation_interval: '1m', tests }));
    expect(() => run('test', 'rules', file)).to.throw('FAILED');
  });
});

describe('An alert', () => {
  it('names metrics that the operator has', () => {
    for (const { name, expr } of ALERTS) expect(unknownMetrics(expr), name).to.deep.equal([]);
  });

  it('says one sentence, and has a page that says what it means, what to look at and what to do', () => {
    const index = readFileSync(join(ROOT, 'docs/runbooks/README.md'), 'utf8');
    for (const alert of ALERTS) {
      expect(alert.summary, alert.name)
        .to.match(/\.$/)
        .and.not.to.match(/\. [A-Z{]/);
      const file = join(ROOT, runbookOf(alert));
      expect(existsSync(file), runbookOf(alert)).to.equal(true);
      const page = readFileSync(file, 'utf8');
      expect(page, alert.name).to.match(new RegExp(`^# ${alert.name}: `));
      for (const part of ['What it means', 'What to look at', 'What to do'])
        expect(page, alert.name).to.contain(`\n## ${part}\n`);
      expect(index, alert.name).to.contain(`[${alert.name}](${alert.name}.md)`);
    }
  });
});
