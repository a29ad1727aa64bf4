import { expect } from 'chai';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { live } from './live.ts';
import { virtualTerminal } from '../../../../test/support/terminal/virtual.ts';

describe('Live view', () => {
  function drawn({ lines = (): string[] => ['one', 'two'] } = {}) {
    const terminal = virtualTerminal({ columns: 60, rows: 10 });
    const clock = new ManualClock();
    let frames = 0;
    const view = live({
      terminal,
      clock,
      lines: () => {
        frames += 1;
        return lines();
      },
    });
    return { terminal, clock, view, frames: () => frames };
  }

  it('draws over what it drew before', async () => {
    let count = 0;
    const { terminal, clock, view } = drawn({ lines: () => [`count ${++count}`, 'below'] });
    for (let times = 0; times < 5; times++) {
      view.changed();
      await clock.advance(100);
    }
    expect(await terminal.text()).to.deep.equal(['count 6', 'below']);
  });

  it('draws ten times a second at most, and once where nothing changes', async () => {
    const { clock, view, frames } = drawn();
    const first = frames();
    for (let ms = 0; ms < 1000; ms++) {
      view.changed();
      await clock.advance(1);
    }
    expect(frames() - first).to.be.within(9, 10);
    await clock.advance(150);
    const idle = frames();
    await clock.advance(5000);
    expect(frames() - idle).to.be.within(4, 5);
  });

  it('leaves no row twice when the terminal becomes narrower and its lines break', async () => {
    const wide = 'a line that is almost as wide as the terminal was, end';
    const lines = (): string[] =>
      [wide, `${wide} 2`, `${wide} 3`].map((line) => line.slice(0, terminal.columns() - 1));
    const terminal = virtualTerminal({ columns: 60, rows: 10 });
    const clock = new ManualClock();
    live({ terminal, clock, lines });
    for (const columns of [40, 25, 60, 33, 20, 80]) {
      await terminal.resize(columns, 10);
      await clock.advance(200);
      expect(await terminal.text(), `${columns} columns`).to.deep.equal(lines());
    }
  });

  it('leaves what was printed before alone when it is resized', async () => {
    const lines = (): string[] => ['x'.repeat(terminal.columns() - 1), 'end'];
    const terminal = virtualTerminal({ columns: 50, rows: 12 });
    const clock = new ManualClock();
    terminal.err('$ sb cloud run\n');
    live({ terminal, clock, lines });
    await terminal.resize(30, 12);
    await clock.advance(200);
    await terminal.resize(70, 12);
    await clock.advance(200);
    expect(await terminal.text()).to.deep.equal(['$ sb cloud run', ...lines()]);
  });

  it('shows one frame on the screen after the terminal became lower', async () => {
    const lines = (): string[] =>
      Array.from({ length: Math.min(8, terminal.rows() - 1) }, (_, index) => `row ${index}`);
    const terminal = virtualTerminal({ columns: 60, rows: 12 });
    const clock = new ManualClock();
    const view = live({ terminal, clock, lines });
    await terminal.resize(60, 5);
    await clock.advance(200);
    view.changed();
    await clock.advance(200);
    const seen = await terminal.text();
    expect(seen.slice(-4)).to.deep.equal(lines());
  });

  it('begins below what the shell has written while it was stopped', async () => {
    const { terminal, clock, view } = drawn();
    terminal.err('$ other\n$ fg\n');
    terminal.resume();
    view.changed();
    await clock.advance(5000);
    expect(await terminal.text()).to.deep.equal(['one', 'two', '$ other', '$ fg', 'one', 'two']);
    view.stop();
    terminal.resume();
    expect(await terminal.text()).to.have.length(6);
  });

  it('draws no more often for texts that come faster than it draws', async () => {
    const { terminal, clock, view, frames } = drawn();
    await clock.advance(200);
    const first = frames();
    for (let line = 0; line < 1000; line++) view.print(`line ${line}`);
    await clock.advance(200);
    expect(frames() - first).to.be.within(1, 2);
    expect((await terminal.text()).slice(-4)).to.deep.equal(['line 998', 'line 999', 'one', 'two']);
  });

  it('prints text above itself, and leaves the last frame behind', async () => {
    const { terminal, clock, view } = drawn();
    view.print('a note');
    await clock.advance(100);
    view.print('another');
    view.stop();
    await clock.advance(5000);
    view.print('a word too late');
    expect(await terminal.text()).to.deep.equal(['a note', 'another', 'one', 'two', 'a word too late']);
    view.changed();
    terminal.err('$ ');
    expect((await terminal.text()).at(-1)).to.equal('$ ');
  });
});
