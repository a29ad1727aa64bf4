import { expect } from 'chai';
import { tmpdir } from 'node:os';
import { needTerminal, PseudoTerminal } from './tmux.ts';

describe('A terminal', () => {
  let terminal: PseudoTerminal;
  before(async function () {
    needTerminal(this);
    terminal = await PseudoTerminal.open({
      cwd: tmpdir(),
      env: { PATH: process.env['PATH'] ?? '' },
      columns: 60,
      rows: 10,
    });
  });
  after(() => terminal?.close());

  it('runs commands, and tells what they leave on the screen and how they end', async () => {
    const { code, lines } = await terminal.run('seq 20; test -t 1 && (exit 7)');
    expect(code).to.equal(7);
    expect(lines).to.deep.equal([
      '$ seq 20; test -t 1 && (exit 7)',
      ...Array.from({ length: 20 }, (_, index) => String(index + 1)),
    ]);
    expect(await terminal.run('false | true')).to.include({ code: 1 });
  });

  it('keeps control codes apart from what they do, and says what they have left switched off', async () => {
    const { lines } = await terminal.run(String.raw`printf '\033[31mred\033[0m\033[?25l\n'`);
    expect(lines.at(-1)).to.equal('red');
    expect(await terminal.written()).to.include('\u001B[31mred');
    expect(await terminal.mode()).to.deep.equal({ cursor: false, otherScreen: false });
    await terminal.run(String.raw`printf '\033[?25h'`);
    expect(await terminal.mode()).to.deep.equal({ cursor: true, otherScreen: false });
  });

  it('is told of a new size, and of Ctrl-C', async () => {
    await terminal.clear();
    await terminal.enter(`sh -c 'trap "stty size" WINCH; echo ready; while :; do sleep 0.05; done'`);
    await terminal.until((screen) => screen.includes('ready'));
    await terminal.resize(42, 8);
    await terminal.until('8 42');
    await terminal.press('C-c');
    expect(await terminal.ended()).to.equal(130);
  });
});
