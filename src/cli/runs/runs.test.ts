import { expect } from 'chai';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aTaskBuild, after as secondsAfter } from '../../../test/support/builders/objects.ts';
import { TaskBuild as TaskBuildKind, Trial as TrialKind } from '../../crds/kinds.ts';
import { LABEL } from '../../crds/names.ts';
import type { Trial } from '../../crds/trial.ts';
import { Secret as SecretKind } from '../../kube/kinds.ts';
import { active, broken, rewarded, RUN } from '../../../test/support/builders/run-trials.ts';
import { storeTrial } from '../../../test/support/client/stored-trial.ts';
import { printListing } from '../render/output.ts';
import { recordedIo } from '../../../test/support/terminal/recorded.ts';
import type { OutputFormat } from '../types.ts';
import { attachRun } from '../launch/cloud-run.ts';
import { cancelRun, deleteRun } from './end.ts';
import { downloadRun } from '../../client/runs/mirror/download.ts';
import type { RunShown } from '../../client/documents/run.ts';
import { listRuns } from '../../client/runs/documents.ts';
import { runColumns, showRun } from './report.ts';
import { rerun } from '../../client/runs/rerun/rerun.ts';
import { resolveRun, trialsOf } from '../../client/runs/find/runs.ts';
import { failureOf, world, type World } from '../../../test/support/client/world.ts';

/** The Trial in another run. */
const inOther = (trial: Trial, run: string): Trial => ({
  ...trial,
  metadata: { ...trial.metadata, labels: { [LABEL.run]: run } },
  spec: { ...trial.spec, run },
});

describe('Runs in a cluster', () => {
  let w: World;
  const io = () => recordedIo();
  beforeEach(async () => void (w = await world()));
  afterEach(() => w.close());

  const signal = new AbortController().signal;

  describe('are named', () => {
    it('by prefix, in full with one small request, and as @latest', async () => {
      w.have(rewarded(1, { name: 'a' }), inOther(rewarded(1, { name: 'b', createdAt: 5 }), 'nightly'));
      expect(await resolveRun(w.session, 'demo')).to.equal(RUN);
      expect(await resolveRun(w.session, '@latest')).to.equal('nightly');
      w.server.requests.length = 0;
      expect(await resolveRun(w.session, 'nightly')).to.equal('nightly');
      expect(w.server.requests).to.have.length(1);
      expect(w.server.requests[0]?.query.get('limit')).to.equal('1');
    });

    it('and a selector in place of a name finds nothing', async () => {
      w.have(rewarded(1, { name: 'a' }));
      expect((await failureOf(resolveRun(w.session, 'x,sb.abundant.ai/run'))).code).to.equal('SB-E090');
    });
  });

  describe('sb run ls', () => {
    const list = async (format: OutputFormat): Promise<string> => {
      const { terminal } = io();
      const now = secondsAfter(60);
      const rows = await listRuns(w.session, now);
      await printListing(terminal, format, {
        rows,
        columns: runColumns(now),
        name: ({ run }) => run,
        empty: 'none',
      });
      return terminal.stdout + terminal.stderr;
    };

    it('counts the Trials of each run, the newest run first', async () => {
      w.have(
        rewarded(1, { name: 'a' }),
        rewarded(0, { name: 'b' }),
        broken('ImagePullFailed', { name: 'c' }),
        inOther(active('Running', { name: 'd', createdAt: 30 }), 'nightly'),
      );
      const lines = (await list('table')).trimEnd().split('\n');
      expect(lines.map((line) => line.split(/\s+/).slice(0, 7))).to.deep.equal([
        ['RUN', 'STATE', 'ENDED', 'PASSED', 'FAILED', 'LOST', 'MEAN'],
        ['nightly', 'running', '0/1', '0', '0', '0', '-'],
        [RUN, 'ended', '3/3', '1', '1', '1', '0.333'],
      ]);
      expect(await list('name')).to.equal(`nightly\n${RUN}\n`);
      expect(JSON.parse(await list('json'))[1]).to.include({ run: RUN, total: 3, ended: 3 });
    });

    it('says so where there are none', async () => expect(await list('table')).to.equal('none\n'));
  });

  describe('sb run show', () => {
    const show = async (format: OutputFormat, states: Parameters<typeof showRun>[1]['states'] = []) => {
      const { terminal } = io();
      const trials = await trialsOf(w.session, RUN);
      await showRun(terminal, {
        run: RUN,
        namespace: 'default',
        trials,
        now: secondsAfter(60),
        states,
        format,
      });
      return terminal;
    };

    it('groups errors by class, with what they have in common, and says what to do', async () => {
      const message = 'not started within 60 s: PullingImage: ImagePullBackOff: Back-off pulling image';
      for (let at = 0; at < 37; at += 1)
        w.have(
          broken('ImagePullFailed', {
            name: `t${at}`,
            message,
            status: {
              conditions: [
                {
                  type: 'Succeeded',
                  status: 'False',
                  reason: 'ImagePullFailed',
                  message,
                  lastTransitionTime: '',
                },
              ],
              imageDigest: 'sha256:abc',
            },
          }),
        );
      w.have(broken('OOMKilled', { name: 'x', message: 'too much\u001b[2J' }), rewarded(1, { name: 'y' }));
      const { stdout, stderr } = await show('table');
      expect(stdout).to.include('37 trials: ImagePullBackOff, same digest sha256:abc\n');
      expect(stdout).to.include('1 trial: OOMKilled\n');
      expect(stdout).to.include('→ sb trial explain t0');
      expect(stdout).to.not.include('\u001b');
      expect(stdout.split('\n').filter((line) => /^(t\d+|x|y) /.test(line))).to.have.length(39);
      expect(stderr).to.equal('');
    });

    const used = (
      name: string,
      model: string,
      { reward = 0, costUsd }: { reward?: number; costUsd?: number },
    ) =>
      rewarded(reward, {
        name,
        agent: { name: 'custom', title: 'mine', model },
        task: { name: `task-${name.slice(0, 1)}` },
        status: {
          usage: { inputTokens: 12_000, cacheTokens: 9000, outputTokens: 345, ...(costUsd && { costUsd }) },
        },
      });

    it('sets agents and models beside each other, with what they used and what a solved task cost', async () => {
      w.have(
        used('a1', 'v/small', { reward: 1, costUsd: 0.002 }),
        used('a2', 'v/small', { costUsd: 0.002 }),
        used('b1', 'v/large', { reward: 1, costUsd: 1.5 }),
        used('b2', 'v/large', { reward: 1 }),
      );
      const { stdout } = await show('table');
      const rows = stdout.split('\n').filter((line) => /^(AGENT|mine)/.test(line));
      expect(rows.map((row) => row.replace(/ {2,}/g, ' | '))).to.deep.equal([
        'AGENT | MODEL | ENDED | SOLVED | MEAN | PASS@2 | TOKENS IN | CACHED | OUT | COST | PER SOLVED',
        'mine | v/large | 2 | 2 | 1 | 1 | 24,000 | 18,000 | 690 | ≥$1.50 | -',
        'mine | v/small | 2 | 1 | 0.5 | 1 | 24,000 | 18,000 | 690 | $0.004 | $0.004',
      ]);
      const { by_agent } = JSON.parse((await show('json')).stdout) as RunShown;
      expect(by_agent[1]).to.deep.include({ model: 'v/small', cost_usd: 0.004, cost_per_passed: 0.004 });
      expect(by_agent[0]).to.deep.include({ n_input_tokens: 24_000, n_priced: 1, cost_per_passed: null });
    });

    it('counts failures of the model apart, and says how to run those again', async () => {
      const failed = (name: string, type: string) =>
        rewarded(0, { name, status: { exception: { type, message: 'HTTP 429\u001b[2J' } } });
      w.have(failed('a', 'ApiRateLimitError'), failed('b', 'ApiRateLimitError'));
      w.have(failed('c', 'ApiOverloadedError'), failed('d', 'BudgetExceededError'));
      const { stdout } = await show('table');
      expect(stdout).to.include(
        `3 Trials met failures of the model (2 ApiRateLimitError, 1 ApiOverloadedError): sb run rerun ${RUN} --only model\n`,
      );
      expect(stdout).to.not.include('\u001b');
      const { model_failures, errors } = JSON.parse((await show('json')).stdout) as RunShown;
      expect(model_failures).to.equal(3);
      expect(errors.map(({ class: word, fault }) => [word, fault])).to.deep.equal([
        ['ApiRateLimitError', 'model'],
        ['ApiOverloadedError', 'model'],
        ['BudgetExceededError', 'agent'],
      ]);
    });

    it('cuts a long table, unless it is to be wide', async () => {
      for (let at = 0; at < 50; at += 1) w.have(rewarded(1, { name: `t${at}` }));
      expect((await show('table')).stderr).to.equal(`… and 10 more: sb run show ${RUN} -o wide\n`);
      expect((await show('wide')).stdout.split('\n').filter((line) => line.startsWith('t'))).to.have.length(
        50,
      );
    });

    it('shows Trials of wanted states alone', async () => {
      w.have(rewarded(1, { name: 'a' }), rewarded(0, { name: 'b' }));
      expect((await show('name', ['failed'])).stdout).to.equal('b\n');
    });

    it('is one document for programs', async () => {
      w.have(
        rewarded(0.5, { name: 'a' }),
        active('Unschedulable', { name: 'b', message: '0/2 nodes: 2 Insufficient cpu.' }),
      );
      const document = JSON.parse((await show('json')).stdout);
      expect(document).to.include({ run: RUN, state: 'running', total: 2, ended: 1, mean: 0.5 });
      expect(document.errors[0]).to.include({ class: 'Insufficient cpu', ended: false, count: 1 });
      expect(
        document.trials.map(({ trial, reward }: { trial: string; reward: number }) => [trial, reward]),
      ).to.deep.equal([
        ['a', 0.5],
        ['b', null],
      ]);
    });
  });

  describe('sb run cancel', () => {
    it('cancels what has not ended, with --yes', async () => {
      w.have(active('Running', { name: 'a' }), rewarded(1, { name: 'b' }));
      const at = io();
      await cancelRun(w.session, 'demo', { io: at, yes: true });
      expect(w.trials().map(({ metadata, spec }) => [metadata.name, spec.cancel])).to.deep.equal([
        ['a', true],
        ['b', false],
      ]);
      expect(at.terminal.stderr).to.include('1 Trial is being cancelled');
      await cancelRun(w.session, 'demo', { io: at, yes: true });
      expect(at.terminal.stderr).to.include('no Trial is left to be cancelled');
    });

    it('does nothing where nobody can be asked, or says no', async () => {
      w.have(active('Running', { name: 'a' }));
      const failure = await failureOf(cancelRun(w.session, 'demo', { io: io(), yes: false }));
      expect(failure).to.include({ code: 'SB-E094', exit: 2, fix: `sb run cancel ${RUN} --yes` });
      const asked: string[] = [];
      const at = recordedIo({ confirm: async (question) => (asked.push(question), false) });
      Object.assign(at.terminal, { input: true });
      await cancelRun(w.session, 'demo', { io: at, yes: false });
      expect(asked).to.deep.equal([`cancel 1 Trial of run ${RUN}?`]);
      expect(w.trials()[0]?.spec.cancel).to.equal(false);
    });
  });

  describe('sb run delete', () => {
    it('deletes Trials, builds and Secret of this run alone, and says that the files stay', async () => {
      w.have(rewarded(1, { name: 'a' }), inOther(rewarded(1, { name: 'b' }), 'other'));
      const build = aTaskBuild();
      build.metadata.labels = { [LABEL.run]: RUN };
      w.have(build);
      for (const run of [RUN, 'other'])
        w.haveOf(SecretKind, {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { namespace: 'default', name: `${run}-env`, uid: run, labels: { [LABEL.run]: run } },
        });
      const at = io();
      await deleteRun(w.session, RUN, { io: at, yes: true });
      expect(w.trials().map(({ metadata }) => metadata.name)).to.deep.equal(['b']);
      expect(w.server.collection(TaskBuildKind).objects.size).to.equal(0);
      expect([...w.server.collection(SecretKind).objects.keys()]).to.deep.equal(['default/other-env']);
      expect(at.terminal.stderr).to.include(
        `1 Trial, 1 TaskBuild, the Secret deleted; the files stay at s3://memory/trials/${RUN}/`,
      );
    });
  });

  describe('sb run rerun', () => {
    const again = (only: string[], over: Partial<Parameters<typeof rerun>[1]> = {}) =>
      rerun(w.session, { run: RUN, only, signal, ...over });
    const ofRun = (run: string): Trial[] => w.trials().filter(({ spec }) => spec.run === run);

    it('makes a new run of the Trials lost to infrastructure, with the same spec', async () => {
      w.have(
        rewarded(0, { name: 'a' }),
        broken('NodeLost', { name: 'b', agent: { model: 'm' } }),
        broken('ImageNotFound', { name: 'c' }),
        broken('OOMKilled', { name: 'd' }),
      );
      expect(await again(['infra'])).to.deep.equal({
        run: `${RUN}-r1`,
        namespace: 'default',
        of: RUN,
        created: 1,
        unchanged: 0,
      });
      const [made] = ofRun(`${RUN}-r1`);
      expect(made?.metadata.labels).to.deep.equal({ [LABEL.run]: `${RUN}-r1` });
      expect(made?.metadata.annotations).to.include({ 'sb.abundant.ai/rerun-of': 'b' });
      expect(made?.spec.agent).to.include({ name: 'oracle', model: 'm' });
      expect(made?.status).to.deep.equal({ observedGeneration: -1 });
    });

    it('selects by reason, exception, class and reward', async () => {
      w.have(
        rewarded(0.2, { name: 'a', status: { exception: { type: 'AgentTimeoutError', message: '' } } }),
        rewarded(1, { name: 'b' }),
        broken('ImagePullFailed', { name: 'c', message: 'ImagePullBackOff: x' }),
      );
      const picked = async (only: string): Promise<string[]> => {
        const { run } = await again([only], { runName: `r-${w.trials().length}` });
        return ofRun(run).map(({ metadata }) => metadata.annotations?.['sb.abundant.ai/rerun-of'] ?? '');
      };
      expect(await picked('error=agenttimeouterror')).to.deep.equal(['a']);
      expect(await picked('error=ImagePullFailed')).to.deep.equal(['c']);
      expect(await picked('error=ImagePullBackOff')).to.deep.equal(['c']);
      expect(await picked('reward<0.5')).to.deep.equal(['a']);
      expect(await picked('reward >= 0.2')).to.deep.equal(['a', 'b']);
    });

    it('does nothing twice while the rerun goes on, and makes the next when it is over', async () => {
      w.have(broken('NodeLost', { name: 'a' }), broken('PodLost', { name: 'b' }));
      expect(await again(['infra'])).to.include({ run: `${RUN}-r1`, created: 2 });
      expect(await again(['infra'])).to.include({ run: `${RUN}-r1`, created: 0, unchanged: 2 });
      const [first, second] = ofRun(`${RUN}-r1`);
      w.server.collection(TrialKind).objects.delete(`default/${first?.metadata.name}`);
      expect(await again(['infra'])).to.include({ run: `${RUN}-r1`, created: 1, unchanged: 1 });
      for (const trial of [first, second]) w.have({ ...(trial as Trial), status: rewarded(1).status ?? {} });
      expect(await again(['infra'])).to.include({ run: `${RUN}-r2`, created: 2 });
      expect(await rerun(w.session, { run: `${RUN}-r1`, only: [], signal })).to.include({
        run: `${RUN}-r3`,
        of: `${RUN}-r1`,
      });
    });

    it('takes a cancelled Trial up again, and brings Secret and own builds along', async () => {
      const trial = broken('Cancelled', { name: 'a' });
      trial.spec.cancel = true;
      trial.spec.agent.env = [{ name: 'KEY', secretKeyRef: { name: `${RUN}-env`, key: 'k' } }];
      trial.spec.environment = { ...trial.spec.environment, buildRef: { name: 'own' } };
      const build = aTaskBuild({ name: 'own', spec: { force: true } });
      build.metadata.labels = { [LABEL.run]: RUN };
      w.have(trial, build);
      expect((await failureOf(again([]))).why).to.include(`the Secret ${RUN}-env`);
      w.haveOf(SecretKind, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { namespace: 'default', name: `${RUN}-env`, labels: { [LABEL.run]: RUN } },
        data: { k: 'djE=' },
      });
      const { run } = await again([]);
      const made = ofRun(run)[0] as Trial;
      expect(made.spec.cancel).to.equal(false);
      expect(made.spec.agent.env).to.deep.equal([
        { name: 'KEY', secretKeyRef: { name: `${run}-env`, key: 'k' } },
      ]);
      const secret = await w.session.kube.get(SecretKind, { namespace: 'default', name: `${run}-env` });
      expect(secret?.data).to.deep.equal({ k: 'djE=' });
      const { name } = made.spec.environment.buildRef ?? { name: '' };
      const copy = await w.session.kube.get(TaskBuildKind, { namespace: 'default', name });
      expect(copy?.spec.force).to.equal(false);
      expect(copy?.metadata.labels).to.deep.equal({ [LABEL.run]: run });
    });

    it('says what --only takes, and when nothing fits', async () => {
      w.have(rewarded(1, { name: 'a' }));
      expect((await failureOf(again(['infr']))).why).to.include('expected infra, model, error=');
      expect(await failureOf(again(['infra']))).to.include({ code: 'SB-E092', fix: `sb run show ${RUN}` });
    });
  });

  describe('sb run download', () => {
    let jobsDir: string;
    beforeEach(async () => void (jobsDir = await mkdtemp(join(tmpdir(), 'sb-download-'))));
    afterEach(() => rm(jobsDir, { recursive: true, force: true }));
    const download = (run: string) =>
      downloadRun(w.session, { run, jobsDir, signal, onProblem: () => undefined });

    it('copies the files of the Trials, and of those that are gone from the cluster', async () => {
      const [here, gone] = [rewarded(1, { name: 'a' }), rewarded(1, { name: 'b' })];
      w.have(here);
      const stored = await storeTrial(w.store, gone, { 'agent/oracle.txt': 'b' });
      await storeTrial(w.store, here, { 'agent/oracle.txt': 'a' });
      expect(await download('demo')).to.include({ run: RUN, trials: 2 });
      const file = join(jobsDir, RUN, stored.trialName, 'agent/oracle.txt');
      expect(await readFile(file, 'utf8')).to.equal('b');
    });

    it('works for a deleted run by its full name, and says SB-E090 for one that never was', async () => {
      await storeTrial(w.store, rewarded(1, { name: 'b' }), { 'agent/oracle.txt': 'b' });
      expect(await download(RUN)).to.include({ trials: 1 });
      expect((await failureOf(download('demo'))).code).to.equal('SB-E090');
    });

    it('says SB-E060 where a file cannot be had, after all others were', async () => {
      const trial = rewarded(1, { name: 'a' });
      w.have(trial);
      const { prefix } = await storeTrial(w.store, trial, { 'agent/oracle.txt': 'a', 'agent/b.txt': 'b' });
      await w.store.put(`${prefix}agent/b.txt`, 'x');
      expect((await failureOf(download(RUN))).code).to.equal('SB-E060');
    });
  });

  describe('sb run attach', () => {
    it('copies the results of a run that is over, and exits as its own command would have', async () => {
      const jobsDir = await mkdtemp(join(tmpdir(), 'sb-attach-'));
      const attach = (over: { failUnder?: number; waitMs?: number } = {}) => {
        const at = io();
        const options = {
          io: at,
          run: 'demo',
          jobsDir,
          output: 'json',
          quiet: true,
          followAgents: false,
        } as const;
        return attachRun(w.session, { ...options, ...over }).then((exit) => ({
          exit,
          out: at.terminal.stdout,
        }));
      };
      try {
        const trial = rewarded(0, { name: 'a' });
        w.have(trial);
        const { trialName } = await storeTrial(w.store, trial, { 'agent/oracle.txt': 'a' });
        const { exit, out } = await attach();
        expect(exit).to.equal(0);
        expect(JSON.parse(out)).to.include({ run: RUN, ended: 1, mean: 0 });
        expect(await readFile(join(jobsDir, RUN, trialName, 'agent/oracle.txt'), 'utf8')).to.equal('a');
        expect((await attach({ failUnder: 0.5 })).exit).to.equal(4);
        w.have(active('Running', { name: 'b' }));
        expect((await attach({ waitMs: 2000 })).exit).to.equal(124);
        w.have(broken('NodeLost', { name: 'b' }));
        expect((await attach()).exit).to.equal(1);
      } finally {
        await rm(jobsDir, { recursive: true, force: true });
      }
    });
  });
});
