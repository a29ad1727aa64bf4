import { expect } from 'chai';
import fc from 'fast-check';
import { after, T0 } from '../../../../test/support/builders/objects.ts';
import { estimate } from './summary.ts';
import { lineOf } from './line.ts';
import { PassAtK } from '../../../results/pass-at-k.ts';
import { active, broken, inRun, rewarded, RUN } from '../../../../test/support/builders/run-trials.ts';
import { RunView } from './view.ts';

type TrialChange = Parameters<RunView['take']>[0];

const known = (trial: TrialChange['trial']): TrialChange => ({ trial, deleted: false });
const gone = (trial: TrialChange['trial']): TrialChange => ({ trial, deleted: true });

function viewOf(changes: TrialChange[], expected = 0): RunView {
  const view = new RunView({ run: RUN, expected });
  for (const change of changes) view.take(change);
  return view;
}

const summaryOf = (changes: TrialChange[], { expected = 0, at = 60 } = {}) =>
  viewOf(changes, expected).summary(after(at));

describe('Run view', () => {
  it('counts states, and Trials that are planned and not there yet', () => {
    const summary = summaryOf(
      [
        known(active('Running', { name: 'a' })),
        known(rewarded(1, { name: 'b' })),
        known(rewarded(0, { name: 'c' })),
        known(broken('PodLost', { name: 'd' })),
        known(inRun({ name: 'e' })),
      ],
      { expected: 7 },
    );
    expect(summary.total).to.equal(7);
    expect(summary.ended).to.equal(3);
    expect(summary.counts).to.include({ running: 1, passed: 1, failed: 1, lost: 1, queued: 1 });
  });

  it('shows a preview until the Trials themselves are there, and is not over by it', () => {
    const view = viewOf([known(active('Running', { name: 'a' }))]);
    view.preview([rewarded(1, { name: 'a' }), rewarded(0, { name: 'b' })].map(lineOf));
    expect(view.summary(after(60)).counts).to.include({ running: 1, failed: 1, passed: 0 });
    expect([view.over, view.size, view.ended]).to.deep.equal([false, 1, 0]);
    view.preview([]);
    expect([...view.trials()].map(({ name }) => name)).to.deep.equal(['a']);
  });

  it('counts a Trial without a reward as 0 in the mean, as Harbor does', () => {
    const summary = summaryOf([
      known(rewarded(1, { name: 'a' })),
      known(rewarded(0.5, { name: 'b' })),
      known(broken('OOMKilled', { name: 'c' })),
      known(active('Running', { name: 'd' })),
    ]);
    expect(summary.mean).to.equal(0.5);
    expect(summary.rewarded).to.equal(2);
  });

  it('has no mean before the first end', () => {
    expect(summaryOf([known(active('Running'))])).not.to.have.property('mean');
  });

  it('groups errors by class, the largest first, with the first five names', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const summary = summaryOf([
      known(broken('OOMKilled', { name: 'z' })),
      ...names.map((name) => known(broken('ImagePullFailed', { name, message: `Pod ${name}-1-x: BackOff` }))),
    ]);
    expect(summary.errors.map(({ reason, count }) => [reason, count])).to.deep.equal([
      ['ImagePullFailed', 7],
      ['OOMKilled', 1],
    ]);
    expect(summary.errors[0]?.trials).to.deep.equal(['a', 'b', 'c', 'd', 'e']);
  });

  it('takes a Trial deleted before its end for cancelled, and keeps the result of one deleted after', () => {
    const running = active('Running', { name: 'a' });
    const done = rewarded(1, { name: 'b' });
    const view = viewOf([known(running), gone(running), known(done), gone(done)]);
    expect(view.summary(T0).counts).to.include({ cancelled: 1, passed: 1 });
    expect(view.get('a', 'default')?.reason).to.equal('Deleted');
    expect(view.over).to.equal(true);
  });

  it('takes a Trial that was created again for a new one', () => {
    const first = rewarded(0, { name: 'a', version: 3 });
    const second = active('Running', { name: 'a', uid: 'second', version: 9 });
    expect(summaryOf([known(first), gone(first), known(second)]).counts).to.include({
      running: 1,
      failed: 0,
    });
  });

  it('is over when all that were planned have ended, and never while it is empty', () => {
    expect(viewOf([]).over).to.equal(false);
    expect(viewOf([known(rewarded(1))], 2).over).to.equal(false);
    expect(viewOf([known(rewarded(1)), known(rewarded(0, { name: 'b' }))], 2).over).to.equal(true);
  });

  it('says of a change what was known before, and nothing of one that is old', () => {
    const view = new RunView({ run: RUN });
    expect(view.take(known(active('Running')))?.before).to.equal(undefined);
    expect(view.take(known(rewarded(1)))?.before?.state).to.equal('running');
    expect(view.take(known(active('Running')))).to.equal(undefined);
  });

  it('stops the clock at the last end', () => {
    expect(summaryOf([known(rewarded(1, { endedAt: 30 }))], { at: 600 }).elapsedMs).to.equal(30_000);
    expect(summaryOf([known(active('Running'))], { at: 600 }).elapsedMs).to.equal(600_000);
  });

  const history = fc
    .tuple(
      fc.constantFrom('a', 'b', 'c', 'd'),
      fc.constantFrom(0, 1, 0.1, 0.2, 0.3),
      fc.constantFrom<'rewarded' | 'broken' | 'running' | 'deleted' | 'again'>(
        'rewarded',
        'broken',
        'running',
        'deleted',
        'again',
      ),
      fc.integer({ min: 1, max: 50 }),
    )
    .map(([name, reward, end, endedAt]): TrialChange[] => {
      const before = [inRun({ name, version: 1 }), active('Running', { name, version: 2 })].map(known);
      switch (end) {
        case 'rewarded':
          return [...before, known(rewarded(reward, { name, endedAt }))];
        case 'broken':
          return [
            ...before,
            known(broken('NodeLost', { name, endedAt, message: `Pod ${name}-1 in ${endedAt} s` })),
          ];
        case 'deleted':
          return [...before, gone(active('Running', { name, version: 2 }))];
        case 'again':
          return [
            ...before,
            gone(active('Running', { name, version: 3 })),
            known(rewarded(reward, { name, uid: 'second', version: 4, createdAt: 1, endedAt })),
          ];
        default:
          return before;
      }
    });
  const run = fc.uniqueArray(history, { selector: ([first]) => first?.trial.metadata.name, minLength: 1 });

  it('ends in the same view whatever the order of the changes, and however often each one comes', () => {
    const shuffled = run.chain((histories) => {
      const all = histories.flat();
      return fc.tuple(
        fc.constant(all),
        fc
          .tuple(
            fc.shuffledSubarray(all, { minLength: all.length }),
            fc.shuffledSubarray(all, { minLength: 0 }),
          )
          .map((parts) => parts.flat()),
      );
    });
    fc.assert(
      fc.property(shuffled, ([inOrder, inAnyOrder]) => {
        const ordered = viewOf(inOrder);
        const disordered = viewOf(inAnyOrder);
        expect(disordered.summary(after(60))).to.deep.equal(ordered.summary(after(60)));
        expect([disordered.over, disordered.ended]).to.deep.equal([ordered.over, ordered.ended]);
      }),
    );
  });
});

describe('pass@k', () => {
  const resultOf = (tasks: Record<string, (number | undefined)[]>) => {
    const attempts = new PassAtK();
    for (const [task, rewards] of Object.entries(tasks))
      for (const reward of rewards) attempts.add(task, reward === undefined ? undefined : { reward });
    return attempts.result();
  };

  it('is the unbiased estimator over tasks, for 2, 4, 8 and 5, 10', () => {
    const five = [1, 1, 0, 0, undefined];
    // 1 - (3·2)/(5·4); 1 - (3·2·1·0)/…; n − c < k.
    expect(resultOf({ a: five })).to.deep.equal({ 2: 0.7, 4: 1, 5: 1 });
    expect(resultOf({ a: [1, 0], b: [0, 0] })).to.deep.equal({ 2: 0.5 });
  });

  it('goes as far as the task with the fewest attempts', () => {
    expect(resultOf({ a: [1, 1, 1, 1], b: [0] })).to.deep.equal({});
  });

  it('is not told of fractions, nor of rewards with several keys', () => {
    expect(resultOf({ a: [1, 0.5] })).to.deep.equal({});
    const attempts = new PassAtK();
    for (let times = 0; times < 2; times++) attempts.add('a', { reward: 1, speed: 1 });
    expect(attempts.result()).to.deep.equal({});
  });
});

describe('Estimate', () => {
  const minute = 60_000;
  const of = (ended: number, over: object = {}) =>
    estimate({ total: 100, ended, startedAt: 0, firstEndedAt: minute, now: 10 * minute, ...over });

  it('is hidden until a tenth is done, and when all is', () => {
    expect(of(9)).to.equal(undefined);
    expect(of(100)).to.equal(undefined);
    expect(of(10)).not.to.equal(undefined);
    expect(of(2, { total: 5 })).to.equal(undefined);
  });

  it('has what the rates seen so far promise within it', () => {
    const range = of(50);
    // 50 in 10 minutes, and 49 in the 9 since the first end.
    expect(range?.from).to.be.below(10 * minute);
    expect(range?.to).to.be.above(10 * minute);
    expect(range?.to).to.be.below(15 * minute);
  });
});
