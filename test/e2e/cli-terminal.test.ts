import { expect } from 'chai';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import stringWidth from 'string-width';
import { CONTAINERS } from '../../src/wire/pod-paths.ts';
import type { Trial } from '../../src/crds/trial.ts';
import { kubectlOk, root } from '../support/cluster.ts';
import { needTerminal, type PseudoTerminal } from '../support/terminal/tmux.ts';
import { ensureBaseImages } from './cluster/index.ts';
import { eventually, eventuallyTrue } from '../support/eventually.ts';
import { openSbTerminal } from './support/sb-terminal.ts';
import { hold, isTerminal } from './support/story.ts';
import { world } from './support/world.ts';

// oxlint-disable-next-line no-control-regex -- control codes are what is looked for
const COLOUR = /\u001B\[[\d;]*m/;
// oxlint-disable-next-line no-control-regex -- as above
const CURSOR_UP = /\u001B\[\d*A/;

describe('sb in a terminal', () => {
  let terminal: PseudoTerminal;
  let namespace = '';
  let folder = '';
  before(async function () {
    needTerminal(this);
    namespace = await world().makeNamespace();
    folder = await mkdtemp(join(tmpdir(), 'sb-tty-'));
    await ensureBaseImages(['debian:bookworm-slim']);
    const held = { name: 'custom', run: `${hold('agent')}\nprintf 'Hello, world!\\n' > hello.txt` };
    const options = { tasks: join(root, 'examples/tasks/hello'), agents: [{ name: 'oracle' }, held] };
    await writeFile(join(folder, 'run.yaml'), JSON.stringify(options));
    terminal = await openSbTerminal({ folder, namespace });
  });
  after(async () => {
    await terminal?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const heldTrial = (run: string): Trial | undefined =>
    world()
      .trials.list()
      .find(({ spec }) => spec.run === run && spec.agent.name === 'custom');
  const release = async (run: string): Promise<void> => {
    const pod = await eventually('the name of the Pod', () => heldTrial(run)?.status?.podName);
    const command = ['touch', '/tmp/go-agent'];
    await kubectlOk(['exec', '-n', namespace, pod, '-c', CONTAINERS.task, '--', ...command]);
  };
  /** A row of the table. */
  const RUNS = /^hello-custom\S* +running/m;

  /** What is not part of the live view of two Trials, of which one runs; nothing where it is whole and once on the screen. */
  function torn(screen: string[], { run, columns }: { run: string; columns: number }): string[] {
    const line = new RegExp(
      [
        `${run} {3}1/2 ended {3}\\w+( {3}about .* left)?`,
        ' {2}(running|passed) +1',
        '(running|passed) 1 {2}(running|passed) 1',
        'mean reward 1 \\(1 rewarded\\)',
        'last hello-oracle\\S* 1',
        '',
        'TRIAL +STATE +(FOR +)?WHY',
        'hello-custom\\S* +running( +\\w+)?( +on \\S+)?',
      ]
        .map((part) => `^${part}$`)
        .join('|'),
    );
    const from = screen.findIndex((text) => text.startsWith(`${run} `));
    if (from < 0) return ['no view'];
    return [
      ...screen.slice(0, from).filter((text) => /ended|passed|TRIAL|reward/.test(text)),
      ...screen.slice(from).filter((text) => !line.test(text) || stringWidth(text) >= columns),
      ...screen.slice(from + 1).filter((text) => text.startsWith(run)),
    ];
  }

  const isUsable = async (): Promise<void> => {
    expect(await terminal.mode()).to.deep.equal({ cursor: true, otherScreen: false });
    const { lines } = await terminal.run('stty -a');
    expect(lines.join(' ')).to.match(/ icanon .* echo /);
  };

  it('shows counts, rows and rewards, whole at every size, and ends with what came of it', async () => {
    const run = `view-${namespace}`;
    await terminal.enter(`sb cloud run -c run.yaml --run-name ${run}`);
    await terminal.until(
      (screen) => RUNS.test(screen.join('\n')) && screen.join('\n').includes('1/2 ended'),
      120,
    );
    for (const [columns, rows] of [
      [60, 20],
      [40, 24],
      [120, 40],
      [100, 9],
      [80, 30],
    ] as const) {
      await terminal.resize(columns, rows);
      const whole = (screen: string[]): boolean => torn(screen, { run, columns }).length === 0;
      const first = await terminal.until(whole);
      // Drawn again: times go on.
      const second = await terminal.until((screen) => screen.join() !== first.join() && whole(screen));
      expect(second.join('\n'))
        .to.match(RUNS)
        .and.match(/passed/)
        .and.match(/mean reward 1/);
    }
    await terminal.press('C-z');
    await terminal.until('Stopped');
    await terminal.enter('fg');
    // What the shell has written stays above the view.
    await terminal.until((screen) => {
      const shell = screen.lastIndexOf('$ fg');
      return shell >= 0 && torn(screen.slice(shell), { run, columns: 80 }).length === 0;
    });
    await release(run);
    expect(await terminal.ended(120)).to.equal(0);
    const screen = await terminal.screen();
    expect(screen.join('\n'))
      .to.match(/2\/2 ended/)
      .and.match(/^mean reward 1 \(2 rewarded\)$/m);
    expect(
      screen.filter((line) => /^examples\/hello +(oracle|custom) +- +passed +1 /.test(line)),
    ).to.have.length(2);
    expect(await terminal.written()).to.match(COLOUR);
    await isUsable();
  });

  it('writes no control codes into a pipe or a file', async () => {
    const { code } = await terminal.run(`sb run attach view-${namespace} 2>&1 | cat > piped.txt`);
    const piped = await readFile(join(folder, 'piped.txt'), 'utf8');
    expect(code, piped).to.equal(0);
    expect(piped).to.include('2/2 ended');
    expect(piped.replaceAll('\n', '')).to.match(/^\P{Cc}*$/u);
    const { lines } = await terminal.run(`sb run attach view-${namespace} -o json > run.json`);
    expect(lines.join('\n')).to.include('2/2 ended');
    expect(JSON.parse(await readFile(join(folder, 'run.json'), 'utf8'))).to.include({ mean: 1 });
  });

  describe('at Ctrl-C', () => {
    let attach = '';
    const run = (): string => `left-${namespace}`;
    const isLeft = (): void => {
      const trial = heldTrial(run())!;
      expect([isTerminal(trial), trial.spec.cancel ?? false]).to.deep.equal([false, false]);
    };

    it('leaves the run going, and says how to return to it', async () => {
      await terminal.clear();
      // The view takes the whole screen, so that what is printed above it goes out of it.
      await terminal.resize(100, 6);
      await terminal.enter(`sb cloud run -c run.yaml -a custom --run-name ${run()}`);
      await terminal.until(RUNS, 120);
      await terminal.press('C-c');
      expect(await terminal.ended()).to.equal(130);
      const text = await terminal.text();
      expect(text.filter((line) => line.startsWith(run()))).to.have.length(1);
      const said = 'the run continues; to return to it: ';
      attach = text.find((line) => line.startsWith(said))?.slice(said.length) ?? '';
      expect(attach).to.match(new RegExp(`^sb run attach ${run()} -n ${namespace} --context `));
      expect(text).to.include('the run continues; press Ctrl-C again within 2 s if you want to cancel it');
      isLeft();
      await terminal.resize(100, 30);
      await isUsable();
    });

    /** Takes the run up again and presses Ctrl-C twice. A machine that is too busy to show the first within two seconds gets another try. */
    async function askedWhetherToCancel(command: string): Promise<void> {
      for (let tries = 0; tries < 3; tries++) {
        await terminal.clear();
        await terminal.enter(command);
        await terminal.until(RUNS);
        await terminal.press('C-c');
        await terminal.until('press Ctrl-C again');
        await terminal.press('C-c');
        const answers = ['$', `cancel run ${run()}? [y/N]`];
        const screen = await terminal.until((lines) => answers.includes(lines.at(-1) ?? ''));
        if (screen.at(-1) !== '$') return;
      }
      throw new Error('a second Ctrl-C did not come within two seconds, three times');
    }

    it('takes it up again, and cancels nothing at a no', async () => {
      await askedWhetherToCancel(attach);
      await terminal.press('n', 'Enter');
      expect(await terminal.ended()).to.equal(130);
      isLeft();
      await isUsable();
    });

    it('has no colours where NO_COLOR is set, and cancels at a yes', async () => {
      const before = (await terminal.written()).length;
      await askedWhetherToCancel(`NO_COLOR=1 ${attach}`);
      await terminal.press('y', 'Enter');
      expect(await terminal.ended()).to.equal(130);
      const written = (await terminal.written()).slice(before);
      expect(written).to.match(CURSOR_UP);
      expect(written).to.not.match(COLOUR);
      await eventuallyTrue('the Trial is cancelled', () => heldTrial(run())?.spec.cancel === true);
      await isUsable();
    });
  });
});
