import { expect } from 'chai';
import fc from 'fast-check';
import stringWidth from 'string-width';
import { after, stampOf } from '../../../../test/support/builders/objects.ts';
import { active, broken, inRun, rewarded, RUN } from '../../../../test/support/builders/run-trials.ts';
import { RunView } from '../../../client/runs/follow/view.ts';
import type { Trial } from '../../../crds/trial.ts';
import { frameLines } from './frame.ts';
import { style } from '../style.ts';

const viewOf = (trials: Trial[], expected = 0): RunView => {
  const view = new RunView({ run: RUN, expected });
  for (const trial of trials) view.take({ trial, deleted: false });
  return view;
};

const some: Trial[] = [
  rewarded(1, { name: 'solved', endedAt: 12 }),
  rewarded(0.5, { name: 'half', endedAt: 20 }),
  broken('OOMKilled', { name: 'greedy', message: 'the task container exceeded its memory limit' }),
  active('Unschedulable', { name: 'waiting', message: '0/2 nodes are available: Insufficient cpu' }),
  active('Running', {
    name: 'slow',
    status: {
      attempts: [{ number: 1, jobName: 'slow-1', nodeName: 'worker-1', startTime: stampOf(after(5)) }],
    },
  }),
  active('BuildingImage', { name: 'builds', message: 'TaskBuild build-1: Building' }),
  inRun({ name: 'new' }),
];

function drawn(trials = some, { columns = 100, rows = 40, expected = 0, color = false } = {}): string[] {
  const view = viewOf(trials, expected);
  const now = after(60);
  const summary = view.summary(now);
  return frameLines({ summary, trials: view.trials(), now, columns, rows, style: style({ color }) });
}

describe('Frame of the live view', () => {
  it('shows states with counts, figures, errors by class, and a table of what wants to be looked at', () => {
    expect(drawn(some, { expected: 12 })).to.deep.equal([
      'demo-20260101-000000   3/12 ended   1m00s   about 2m to 13m left',
      '  queued      1',
      '  building    1',
      '  pending     1',
      '  running     1',
      '  passed      1',
      '  failed      2',
      'mean reward 0.5 (2 rewarded)',
      'last half 0.5   solved 1   greedy failed',
      '1 × OOMKilled: the task container exceeded its memory limit',
      '',
      'TRIAL    STATE      FOR     WHY',
      'half     failed     20s     reward 0.5',
      'greedy   failed     10s     OOMKilled: the task container exceeded its memory limit',
      'builds   building   1m00s   BuildingImage: TaskBuild build-1: Building',
      'waiting  pending    1m00s   Unschedulable: 0/2 nodes are available: Insufficient cpu',
      'slow     running    55s     on worker-1',
      'new      queued     1m00s   Accepted: the operator has not looked at it yet',
    ]);
  });

  it('tells pass@k where tasks were tried several times', () => {
    const twice = ['a', 'b'].flatMap((task) =>
      [1, 0].map((reward) => rewarded(reward, { name: `${task}${reward}`, task: { name: task } })),
    );
    expect(drawn(twice).find((line) => line.startsWith('mean'))).to.equal(
      'mean reward 0.5 (4 rewarded)   pass@2 1',
    );
  });

  it('shows the headline first and states on one line where the terminal is low', () => {
    const lines = drawn(some, { rows: 9 });
    expect(lines).to.have.length(8);
    expect(lines.slice(0, 2)).to.deep.equal([
      'demo-20260101-000000   3/7 ended   1m00s   about 51s to 6m left',
      'queued 1  building 1  pending 1  running 1  passed 1  failed 2',
    ]);
  });

  it('keeps counts, rewards and reasons in a narrow terminal, and cuts names', () => {
    const lines = drawn(some, { columns: 40 });
    expect(lines[0]).to.equal('demo-20260101-0000…   3/7 ended   1m00s');
    const solved = rewarded(1, { name: 'solved-with-a-name-that-is-longer-than-all' });
    expect(drawn([solved], { columns: 40 })).to.include('last solved-with-a-name-that… 1');
    expect(lines.slice(-7)).to.deep.equal([
      'TRIAL    STATE      WHY',
      'half     failed     reward 0.5',
      'greedy   failed     OOMKilled: the tas…',
      'builds   building   BuildingImage: Tas…',
      'waiting  pending    Unschedulable: 0/2…',
      'slow     running    on worker-1',
      'new      queued     Accepted: the oper…',
    ]);
  });

  it('leaves the table to the one that follows the end of a run, unless there is none', () => {
    const ended = (count: number): Trial[] =>
      Array.from({ length: count }, (_, index) => rewarded(0, { name: `wrong-${index}` }));
    const hasTable = (trials: Trial[]): boolean => drawn(trials).some((line) => line.startsWith('TRIAL'));
    expect(hasTable(ended(100))).to.equal(false);
    expect(hasTable(ended(101))).to.equal(true);
    expect(hasTable([...ended(1), active('Running')])).to.equal(true);
  });

  it('keeps a third of the table at most for what failed', () => {
    const many = Array.from({ length: 50 }, (_, index) => [
      rewarded(0, { name: `wrong-${index}` }),
      active('Running', { name: `runs-${index}` }),
    ]).flat();
    const table = drawn(many, { rows: 24 }).filter((line) => /^(?:wrong|runs)-/.test(line));
    const failed = table.filter((line) => line.startsWith('wrong'));
    expect(failed.length)
      .to.be.above(0)
      .and.at.most(Math.ceil(table.length / 3));
  });

  it('fits every terminal, whatever the texts', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.string({ unit: 'grapheme' }),
      fc.constant('日本語 👩‍👩‍👧 text\u001b[31m\n\t'),
    );
    const trials = fc.array(
      fc
        .tuple(texts, fc.constantFrom('a', 'b', 'long-'.repeat(30)))
        .map(([message, name]) => broken('TaskInvalid', { message, name })),
    );
    const size = fc.record({
      columns: fc.integer({ min: 1, max: 200 }),
      rows: fc.integer({ min: 1, max: 60 }),
    });
    fc.assert(
      fc.property(trials, size, fc.boolean(), (given, { columns, rows }, color) => {
        const lines = drawn([...given, ...some], { columns, rows, color });
        expect(lines.length).to.be.at.most(Math.max(1, rows - 1));
        for (const line of lines) {
          expect(stringWidth(line), JSON.stringify(line)).to.be.at.most(Math.max(1, columns - 1));
          expect(line).not.to.match(/[\n\r\t]/);
        }
      }),
    );
  });

  it('has no control codes without colours, whatever containers say', () => {
    const hostile = broken('OOMKilled', { name: 'x', message: '\u001b]0;owned\u0007\u001b[2Jhello\u202e' });
    for (const line of drawn([hostile])) expect(line).to.match(/^[^\p{Cc}\p{Cf}]*$/u);
    expect(drawn([hostile], { color: true }).join(''))
      .not.to.include('owned')
      .and.not.to.include('[2J');
  });
});
