import { expect } from 'chai';
import { anOutcome } from '../../../test/support/builders/objects.ts';
import { collected, active, broken, rewarded, RUN } from '../../../test/support/builders/run-trials.ts';
import { failureOf, world, type World } from '../../../test/support/client/world.ts';
import { recordedIo } from '../../../test/support/terminal/recorded.ts';
import { LABEL } from '../../crds/names.ts';
import type { Trial } from '../../crds/trial.ts';
import type { PushedTask } from '../../client/documents/task.ts';
import { regradeRun, regradeTrial } from '../../client/runs/rerun/regrade.ts';
import { rerun } from '../../client/runs/rerun/rerun.ts';
import { trialsOf } from '../../client/runs/find/runs.ts';
import { trialPrefix } from '../../results/keys.ts';
import { trialResult } from '../../results/trial-result.ts';
import { showRun } from './report.ts';
import { showTrial } from './trial.ts';

const { signal } = new AbortController();
const pushed = (name: string, version: string): PushedTask => ({
  name,
  task_version: version,
  task_id: `${name}@${version}`,
  s3_task_uri: `s3://memory/tasks/local/${name}/${version}/`,
  result: 'stored',
  bytes: 1,
});

describe('A regrade', () => {
  let w: World;
  beforeEach(async () => void (w = await world()));
  afterEach(() => w.close());

  const wish = { separate: false, signal };
  const ofRun = (run: string): Trial[] => w.trials().filter(({ spec }) => spec.run === run);
  const again = (over: object = {}) => regradeRun(w.session, { run: RUN, only: [], ...wish, ...over });

  it('of a run is a new run of those Trials whose agents left something', async () => {
    w.have(
      collected(0, { name: 'a', agent: { model: 'm' } }),
      rewarded(1, { name: 'b', uploadResults: false }),
      broken('NodeLost', { name: 'c' }),
      active('Running', { name: 'd' }),
    );
    expect(await again()).to.deep.equal({
      run: `${RUN}-g1`,
      namespace: 'default',
      of: RUN,
      created: 1,
      unchanged: 0,
      left_out: 3,
    });
    const [made] = ofRun(`${RUN}-g1`);
    expect(made?.spec).to.deep.include({
      regrade: { trial: 'a' },
      task: { name: 'task-a', dataset: 'local', configMap: { name: 'x' } },
      agent: { name: 'oracle', model: 'm', setupTimeoutSeconds: 360 },
    });
    expect(made?.metadata.labels).to.deep.equal({ [LABEL.run]: `${RUN}-g1` });
    expect(made?.metadata.annotations).to.include({ 'sb.abundant.ai/regrade-of': 'a' });
  });

  it('has newer tests, a verifier of its own, and nothing that the agent alone needed', async () => {
    const trial = collected(0, { name: 'a', agent: { name: 'custom', run: 'x', install: 'y' } });
    trial.spec.agent.env = [{ name: 'KEY', secretKeyRef: { name: `${RUN}-env`, key: 'k' } }];
    w.have(trial);
    const tests = async () => [pushed('task-a', 'ffffffffffff')];
    await again({ tests, separate: true });
    const [made] = ofRun(`${RUN}-g1`);
    expect(made?.spec.task).to.deep.equal({
      name: 'task-a',
      dataset: 'local',
      version: 'ffffffffffff',
      s3: { uri: 's3://memory/tasks/local/task-a/ffffffffffff/' },
    });
    expect(made?.spec.agent).to.deep.equal({ name: 'custom', setupTimeoutSeconds: 360 });
    expect(made?.spec.verifier).to.include({ mode: 'Separate', disabled: false });
  });

  it('goes on where it was interrupted, and is another one with other tests, or once it is over', async () => {
    w.have(collected(0, { name: 'a' }), collected(1, { name: 'b' }));
    expect(await again()).to.include({ run: `${RUN}-g1`, created: 2 });
    expect(await again()).to.include({ run: `${RUN}-g1`, created: 0, unchanged: 2 });
    const tests = async () => [pushed('task-a', 'ffffffffffff'), pushed('task-b', 'eeeeeeeeeeee')];
    expect(await again({ tests })).to.include({ run: `${RUN}-g2`, created: 2 });
    for (const trial of ofRun(`${RUN}-g1`)) w.have({ ...trial, status: rewarded(1).status ?? {} });
    expect(await again()).to.include({ run: `${RUN}-g3` });
    expect(await rerun(w.session, { run: RUN, only: [], signal })).to.include({ run: `${RUN}-r1` });
  });

  it('is of what --only selects, under the name that was given', async () => {
    w.have(collected(0, { name: 'a' }), collected(1, { name: 'b' }));
    expect(await again({ only: ['reward<1'], runName: 'better' })).to.include({ run: 'better', left_out: 0 });
    expect(ofRun('better').map(({ spec }) => spec.regrade?.trial)).to.deep.equal(['a']);
  });

  it('is refused with SB-E092 where there is nothing to judge, or no such tests', async () => {
    w.have(rewarded(1, { name: 'b', uploadResults: false }));
    expect(await failureOf(again())).to.deep.include({
      code: 'SB-E092',
      why: 'b stored no files: uploadResults was false',
    });
    w.have(collected(1, { name: 'a' }));
    const failure = await failureOf(again({ tests: async () => [pushed('other', 'ffffffffffff')] }));
    expect(failure.why).to.equal('it ran the task task-a, and these are of other');
    expect((await failureOf(again({ only: ['reward>5'] }))).why).to.include('fits --only');
  });

  describe('of one Trial', () => {
    const one = (trial: string) => regradeTrial(w.session, { trial, ...wish });

    it('is a new run, too', async () => {
      w.have(collected(0, { name: 'a' }), collected(1, { name: 'b' }));
      expect(await one('a')).to.include({ run: `${RUN}-g1`, created: 1 });
      expect(ofRun(`${RUN}-g1`).map(({ spec }) => spec.regrade)).to.deep.equal([{ trial: 'a' }]);
    });

    const unfit: [what: string, trial: Trial, why: RegExp][] = [
      ['goes on', active('Running', { name: 'a' }), /has not ended/],
      ['stored nothing', broken('UploadFailed', { name: 'a' }), /stored no files/],
      [
        'had a shared verifier',
        collected(0, { name: 'a', status: { images: [{ role: 'agent' }] } }),
        /give --separate-verifier/,
      ],
      [
        'was obstructed',
        collected(0, {
          name: 'a',
          status: {
            conditions: [
              {
                type: 'Succeeded',
                status: 'True',
                reason: 'VerifierObstructed',
                message: '',
                lastTransitionTime: '',
              },
            ],
          },
        }),
        /its reward of 0 stays/,
      ],
    ];
    for (const [what, trial, why] of unfit)
      it(`is refused where it ${what}`, async () => {
        w.have(trial);
        const failure = await failureOf(one('a'));
        expect([failure.code, failure.why]).to.satisfy(
          ([code, said]: string[]) => code === 'SB-E092' && why.test(said ?? ''),
        );
      });

    it('is made of one with a shared verifier where that is said to be separate, or its tests are newer', async () => {
      w.have(collected(0, { name: 'a', status: { images: [{ role: 'agent' }] } }));
      const of = { trial: 'a', ...wish };
      expect(await regradeTrial(w.session, { ...of, separate: true })).to.include({ created: 1 });
      const tests = async () => [pushed('task-a', 'ffffffffffff')];
      expect(await regradeTrial(w.session, { ...of, tests })).to.include({ created: 1 });
    });

    it('that was deleted is made of its results', async () => {
      const { uri } = await stored('a', { agent: { name: 'custom', model: 'm', run: 'x' } });
      expect(await one(uri)).to.include({ run: `${RUN}-g1`, of: RUN, created: 1 });
      const [made] = ofRun(`${RUN}-g1`);
      expect(made?.metadata.namespace).to.equal('default');
      expect(made?.spec).to.deep.include({
        regrade: { s3: { uri } },
        task: { name: 'org/hello', dataset: 'local', version: '0123456789ab', s3: { uri: TASK } },
        agent: { name: 'custom', model: 'm', setupTimeoutSeconds: 360 },
      });
      for (const other of [`${uri}x`, uri.replace('memory', 'other')])
        expect((await failureOf(one(other))).code).to.equal('SB-E090');
    });
  });

  const TASK = 's3://memory/tasks/local/org/hello/0123456789ab/';

  /** The results of a Trial whose object is gone. */
  async function stored(name: string, over: Parameters<typeof collected>[1] = {}, result: object = {}) {
    const trial = collected(0, { name, ...over });
    trial.spec.task = { name: 'org/hello', dataset: 'local', s3: { uri: TASK } };
    const key = trialPrefix(trial);
    const files = { files: 1, bytes: 1, skipped: 0, collected: 1, manifestSha256: 'a'.repeat(64) };
    const whole = trialResult({ trial, status: trial.status ?? {}, outcome: anOutcome({ stored: files }) });
    await w.store.put(`${key}result.json`, JSON.stringify({ ...whole, ...result }));
    return { uri: `s3://memory/${key}` };
  }

  it('of a run whose Trials are deleted is made of their results', async () => {
    const { uri } = await stored('a');
    await stored('b', {}, { namespace: 'team-b' });
    await stored('c', {}, { stored: null });
    await stored('d', {}, { verifier_result: { rewards: { reward: 1 } } });
    expect(await again({ only: ['reward<1'] })).to.include({ run: `${RUN}-g1`, created: 1, left_out: 1 });
    expect(ofRun(`${RUN}-g1`).map(({ spec }) => spec.regrade)).to.deep.equal([{ s3: { uri } }]);
    expect((await failureOf(again({ run: 'nobody' }))).code).to.equal('SB-E090');
  });

  describe('shows', () => {
    const status = {
      regraded: {
        trial: 'a__1234567',
        uri: 's3://b/trials/x/a__1234567/',
        reward: 0.25,
        rewards: { reward: 0.25 },
      },
    };

    it('both rewards of a Trial', async () => {
      const { terminal } = recordedIo();
      const trial = rewarded(1, { name: 'a', status });
      await showTrial(terminal, { trial, format: 'table', now: new Date() });
      expect(terminal.stdout).to.match(/^Reward +1$/m);
      expect(terminal.stdout).to.match(
        /^Regrade of +a__1234567, reward 0\.25: s3:\/\/b\/trials\/x\/a__1234567\/$/m,
      );
      const json = recordedIo().terminal;
      await showTrial(json, { trial, format: 'json', now: new Date() });
      expect(JSON.parse(json.stdout)).to.deep.include({
        reward: 1,
        original_reward: 0.25,
        regraded: status.regraded,
      });
    });

    it('what has changed in a run', async () => {
      w.have(
        rewarded(1, { name: 'a', status }),
        rewarded(0, { name: 'b', status }),
        rewarded(1, { name: 'c' }),
      );
      const { terminal } = recordedIo();
      const trials = await trialsOf(w.session, RUN);
      await showRun(terminal, {
        run: RUN,
        namespace: 'default',
        trials,
        now: new Date(),
        states: [],
        format: 'table',
      });
      expect(terminal.stdout).to.include('2 Trials compared: 1 up, 1 down; mean reward 0.25 → 0.5');
    });
  });
});
