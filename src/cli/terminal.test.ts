import { expect } from 'chai';
import { processTerminal } from './terminal.ts';

const stream = (isTTY: boolean) => ({ write: () => true, ...(isTTY && { isTTY, columns: 120, rows: 40 }) });
interface Wish {
  tty?: boolean;
  input?: boolean;
  env?: Record<string, string>;
}
const terminal = ({ tty = true, input = true, env = { TERM: 'xterm' } }: Wish = {}) =>
  processTerminal({ stdin: stream(tty), stdout: stream(tty), stderr: stream(tty) }, { env, input });

describe('The terminal', () => {
  it('is asked nothing where it is none, or with --no-input', () => {
    expect(terminal().input).to.equal(true);
    expect(terminal({ input: false }).input).to.equal(false);
    expect(terminal({ tty: false }).input).to.equal(false);
  });

  it('has the size of stderr, and a usual one where it has none', () => {
    expect([terminal().columns(), terminal().rows()]).to.deep.equal([120, 40]);
    expect([terminal({ tty: false }).columns(), terminal({ tty: false }).rows()]).to.deep.equal([80, 24]);
  });

  it('has colours on a terminal that can show them, and nowhere with NO_COLOR', () => {
    expect(terminal().color).to.equal(true);
    expect(terminal({ tty: false }).color).to.equal(false);
    expect(terminal({ env: { TERM: 'dumb' } }).color).to.equal(false);
    expect(terminal({ env: { TERM: 'xterm', NO_COLOR: '1' } }).color).to.equal(false);
    expect(terminal({ env: { TERM: 'xterm', NO_COLOR: '' } }).color).to.equal(true);
    expect(terminal({ tty: false, env: { FORCE_COLOR: '1' } }).color).to.equal(true);
  });
});
