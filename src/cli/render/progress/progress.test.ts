import { expect } from 'chai';
import { after } from '../../../../test/support/builders/objects.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import type { Trial } from '../../../crds/trial.ts';
import { active, broken, rewarded, RUN } from '../../../../test/support/builders/run-trials.ts';
import { RunView } from '../../../client/runs/follow/view.ts';
import { progress, progressMode } from './progress.ts';
import { virtualTerminal } from '../../../../test/support/terminal/virtual.ts';

type ProgressMode = ReturnType<typeof progressMode>;

function shown(mode: ProgressMode, { color = false, columns = 80 } = {}) {
  const terminal = virtualTerminal({ color, columns });
  const clock = new ManualClock();
  const view = new RunView({ run: RUN, expected: 3 });
  const display = progress({ terminal, view, mode, clock, now: () => after(60) });
  const see = (trial: Trial): void => {
    const taken = view.take({ trial, deleted: false });
    if (taken) display.news(taken);
  };
  return { terminal, clock, display, see };
}

describe('Progress in plain lines', () => {
  it('says every change of state in one line, and a reason again only when it is another', () => {
    const { terminal, display, see } = shown('plain');
    see(active('Unschedulable', { name: 'a', version: 2, message: '0/2 nodes are available' }));
    see(active('Unschedulable', { name: 'a', version: 3, message: '0/3 nodes are available' }));
    see(active('Running', { name: 'a', version: 4 }));
    see(rewarded(1, { name: 'a', version: 5, endedAt: 42 }));
    see(broken('NodeLost', { name: 'b', version: 6, message: 'silence\u001b[2J' }));
    display.finish();
    expect(terminal.written().err.split('\n')).to.deep.equal([
      '0/3 a pending: Unschedulable: 0/2 nodes are available',
      '0/3 a running',
      '1/3 a passed in 42s: reward 1',
      '2/3 b lost in 10s: NodeLost: silence',
      'run demo-20260101-000000: 2/3 ended in 1m00s: 1 passed, 1 lost',
      'mean reward 0.5 (1 of 2 rewarded)',
      '1 × NodeLost: silence (b)',
      '',
    ]);
    expect(terminal.written().out).to.equal('');
  });

  it('gives a sign of life where nothing happens', async () => {
    const { terminal, clock, see } = shown('plain');
    see(active('Running', { name: 'a' }));
    await clock.advance(29_000);
    expect(terminal.written().err.trim().split('\n')).to.have.length(1);
    await clock.advance(31_000);
    expect(terminal.written().err.trim().split('\n').slice(1)).to.deep.equal([
      '0/3 ended after 1m00s, 1 running',
      '0/3 ended after 1m00s, 1 running',
    ]);
  });

  it('says nothing after its last words', async () => {
    const { terminal, clock, display } = shown('plain');
    display.finish();
    const { err } = terminal.written();
    await clock.advance(100_000);
    expect(terminal.written().err).to.equal(err);
  });
});

describe('Progress as events', () => {
  it('prints one JSON document a line on stdout, and nothing else', () => {
    const { terminal, display, see } = shown('jsonl');
    see(active('Running', { name: 'a', version: 2 }));
    see(rewarded(0.5, { name: 'a', version: 3 }));
    display.note('a note');
    display.finish();
    const events = terminal
      .written()
      .out.trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map(({ event, state = '', before = '' }) => [event, before, state])).to.deep.equal([
      ['trial', null, 'running'],
      ['trial', 'running', 'failed'],
      ['note', '', ''],
      ['summary', '', 'running'],
    ]);
    expect(events[1]).to.include({ trial: 'a', reward: 0.5, run: RUN, time: after(60).toISOString() });
    expect(events[3]).to.include({ total: 3, ended: 1, mean: 0.5 });
    expect(terminal.written().err).to.equal('');
  });
});

describe('Progress on a terminal', () => {
  it('shows the run, and keeps it on the screen at the end', async () => {
    const { terminal, clock, display, see } = shown('live');
    see(active('Running', { name: 'hello' }));
    await clock.advance(1000);
    expect((await terminal.text()).join('\n'))
      .to.include('0/3 ended')
      .and.include('hello');
    see(rewarded(1, { name: 'hello' }));
    display.note('the connection is back');
    display.finish();
    const text = await terminal.text();
    expect(text[0]).to.equal('the connection is back');
    expect(text.filter((line) => line.includes('ended'))).to.have.length(1);
    expect(text.join('\n')).to.include('mean reward 1');
  });

  it('leaves nothing behind of a run that came to nothing', async () => {
    const { terminal, clock, display } = shown('live');
    await clock.advance(1000);
    display.note('a note');
    display.drop();
    await clock.advance(5000);
    expect(await terminal.text()).to.deep.equal(['a note']);
  });

  it('has no colours where they are not wanted', async () => {
    const { terminal, clock, see } = shown('live');
    see(broken('NodeLost'));
    await clock.advance(1000);
    // eslint-disable-next-line no-control-regex -- escape sequences are what is looked for
    expect(terminal.written().err).not.to.match(/\u001B\[[0-9;]*m/);
    const coloured = shown('live', { color: true });
    coloured.see(broken('NodeLost'));
    await coloured.clock.advance(1000);
    // eslint-disable-next-line no-control-regex -- as above
    expect(coloured.terminal.written().err).to.match(/\u001B\[31m/);
  });

  it('fits a narrow terminal', async () => {
    const { terminal, clock, see } = shown('live', { columns: 20 });
    see(active('Unschedulable', { name: 'a-trial-with-a-long-name', message: 'no room at all' }));
    await clock.advance(1000);
    const text = await terminal.text();
    expect(text.every((line) => line.length < 20)).to.equal(true);
    expect(text.filter((line) => line.startsWith('demo'))).to.have.length(1);
  });

  it('is chosen where somebody looks, and not in CI, on a pipe, or on a dumb terminal', () => {
    const mode = (
      over: { isTTY?: boolean; env?: object; output?: 'json' | 'jsonl'; quiet?: boolean } = {},
    ) => {
      const { isTTY = true, env = {}, output = 'table', quiet = false } = over;
      return progressMode({ isTTY }, { env: { ...env }, output, quiet });
    };
    expect(mode()).to.equal('live');
    expect(mode({ output: 'json' })).to.equal('live');
    expect(mode({ isTTY: false })).to.equal('plain');
    expect(mode({ env: { CI: 'true' } })).to.equal('plain');
    expect(mode({ env: { TERM: 'dumb' } })).to.equal('plain');
    expect(mode({ output: 'jsonl' })).to.equal('jsonl');
    expect(mode({ quiet: true })).to.equal('quiet');
  });
});
