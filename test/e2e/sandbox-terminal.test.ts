import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Session } from '../../src/client/index.ts';
import type { SandboxEnvironment } from '../../src/client/sandbox/environment.ts';
import { needTerminal, type PseudoTerminal } from '../support/terminal/tmux.ts';
import { openSbTerminal } from './support/sb-terminal.ts';
import { small, userSession } from './support/sandboxes.ts';
import { world } from './support/world.ts';

/** bash's own, of root in a Sandbox. */
const PROMPT = /^root@\S+:\S*#$/;
const MB = 1_000_000;

describe('a shell in a Sandbox, in a terminal', () => {
  let session: Session;
  let sandbox: SandboxEnvironment;
  let terminal: PseudoTerminal;
  let folder = '';

  before(async function () {
    needTerminal(this);
    session = userSession();
    folder = await mkdtemp(join(tmpdir(), 'sb-shell-'));
    sandbox = small(session, 'terminal');
    const { namespace } = world();
    [terminal] = await Promise.all([
      openSbTerminal({ folder, namespace, columns: 90, rows: 24 }),
      sandbox.init(),
    ]);
  });
  after(async () => {
    await terminal?.close();
    await sandbox?.teardown();
    await session?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const promptIsBack = (): Promise<unknown> => terminal.until((screen) => PROMPT.test(screen.at(-1) ?? ''));
  /** Types a command in the Sandbox; resolves with what it left on the screen. */
  async function says(command: string): Promise<string[]> {
    await terminal.press('C-l');
    await terminal.until((screen) => screen.length === 1 && PROMPT.test(screen[0] ?? ''));
    await terminal.enter(command);
    const isDone = (screen: string[]): boolean => screen.length > 1 && PROMPT.test(screen.at(-1) ?? '');
    return (await terminal.until(isDone)).slice(1, -1);
  }
  /** Starts a command that goes on. A key that comes before it has the terminal is bash's, which may lose its prompt by that, or end. */
  async function runs(command: string): Promise<void> {
    await terminal.enter(`sh -c 'echo begun; exec ${command}'`);
    await terminal.until((screen) => screen.at(-1) === 'begun');
  }

  it('has every key and the size of the window, and gives the terminal back as it was, with its exit code', async () => {
    const { lines: before } = await terminal.run('stty -a');
    await terminal.clear();
    await terminal.enter('sb sandbox shell terminal');
    await promptIsBack();
    expect(await says('stty size; tty')).to.deep.equal(['24 90', '/dev/pts/0']);
    await terminal.resize(60, 20);
    expect(await says('stty size')).to.deep.equal(['20 60']);
    await terminal.resize(90, 24);

    await runs('sleep 3600');
    await terminal.press('C-c');
    await promptIsBack();
    expect(await says('echo $?')).to.deep.equal(['130']);

    await runs('sleep 3601');
    await terminal.press('C-z');
    await terminal.until('Stopped');
    await promptIsBack();
    expect((await says('jobs')).join()).to.match(/Stopped +sh -c 'echo begun; exec sleep 3601'/);
    await says('kill -9 %1; wait');
    // An arrow key is three bytes, which the shell takes for one.
    await terminal.press('C-l', 'Up', 'Up', 'Enter');
    await terminal.until('jobs');

    await terminal.enter('exit 7');
    expect(await terminal.ended()).to.equal(7);
    expect((await terminal.run('stty -a')).lines).to.deep.equal(before);
    expect(await terminal.mode()).to.deep.equal({ cursor: true, otherScreen: false });
  });

  it('loses nothing of 10 MB that are pasted', async function () {
    this.timeout(120_000);
    const text = Array.from({ length: MB }, (_, index) => `${index % MB}`.padStart(9, '.')).join('\n');
    const pasted = `${text}\n`;
    await writeFile(join(folder, 'pasted'), pasted);
    const { lines } = await terminal.run('cksum < pasted');
    await terminal.clear();
    await terminal.enter(
      `sb sandbox exec -t terminal -- sh -c 'stty raw -echo; echo ready; head -c ${pasted.length} | cksum'`,
    );
    await terminal.until('ready');
    await terminal.paste(pasted);
    expect(await terminal.ended(90)).to.equal(0);
    expect(await terminal.screen()).to.include(lines.at(-1));
  });
});
