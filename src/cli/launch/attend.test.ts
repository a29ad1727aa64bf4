import { expect } from 'chai';
import { join } from 'node:path';
import { ApiServer } from '../../../test/support/api-server.ts';
import { connectTo, fastClock } from '../../../test/support/kube.ts';
import { Trial as TrialKind } from '../../crds/kinds.ts';
import type { Trial } from '../../crds/trial.ts';
import type { Kube } from '../../kube/connect.ts';
import { memoryArtifactStore } from '../../providers/artifact-store/memory.ts';
import { CliError } from '../../client/failures/error.ts';
import { broken, inRun, rewarded, RUN } from '../../../test/support/builders/run-trials.ts';
import { folderOf, type Folder } from '../../../test/support/folder.ts';
import { recordedIo } from '../../../test/support/terminal/recorded.ts';
import type { Io } from '../types.ts';
import type { Session } from '../../client/session/types.ts';
import { attend, type Attended } from './attend.ts';
import { exitCodeOf, printOutcome } from './conclude.ts';

type AttendOptions = Parameters<typeof attend>[0];

const NONE = { tasks: { stored: 0, present: 0, bytes: 0 }, created: 0, unchanged: 0, refused: [] };

describe('Attending a run', () => {
  let server: ApiServer;
  let kubeParts: Kube;
  let session: Session;
  let folder: Folder;
  let io: ReturnType<typeof recordedIo>;
  let pressCtrlC: () => void;

  beforeEach(async () => {
    server = await ApiServer.start();
    kubeParts = connectTo(server, { clock: fastClock(15) });
    const store = memoryArtifactStore();
    session = {
      kube: kubeParts.client,
      kubeParts,
      namespace: 'default',
      context: 'test',
      client: () => Promise.reject(new Error('nobody asks for it')),
      store: async () => store,
      env: {},
      closed: new AbortController().signal,
      now: () => new Date(),
      close: () => kubeParts.close(),
    };
    folder = await folderOf({});
    io = interruptible();
  });
  afterEach(async () => {
    await session.close();
    await server.close();
    await folder.remove();
  });

  function interruptible(overrides: Partial<Io> = {}): ReturnType<typeof recordedIo> {
    const abort = new AbortController();
    const listeners = new Set<() => void>();
    pressCtrlC = () => {
      abort.abort(new Error('interrupted'));
      for (const listener of listeners) listener();
    };
    return recordedIo({
      signal: abort.signal,
      onInterrupt: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      ...overrides,
    });
  }

  const write = (trial: Trial): void => {
    const { resourceVersion: _version, uid: _uid, ...metadata } = trial.metadata;
    const stored = { ...trial, metadata };
    const trials = server.collection(TrialKind);
    if (!trials.objects.has(`default/${metadata.name}`)) trials.create(stored);
    else for (const part of ['main', 'status'] as const) trials.update(stored, part);
  };
  const watch = (options: Partial<AttendOptions> = {}): Promise<Attended> =>
    attend({
      session,
      io,
      run: RUN,
      jobsDir: join(folder.path, 'jobs'),
      output: 'table',
      quiet: false,
      followAgents: false,
      onLeave: ({ cancelled }) => io.terminal.err(`left, ${cancelled} cancelled\n`),
      ...options,
    });
  const codeOf = ({ ending, summary, report, submitted }: Attended, failUnder?: number) =>
    exitCodeOf({
      ending,
      summary,
      problems: report.problems.length,
      refused: submitted?.refused.length ?? 0,
      ...(failUnder !== undefined && { failUnder }),
    });

  it('is over when all Trials have ended; a wrong answer is no failure', async () => {
    write({ ...rewarded(0, { name: 'a', uploadResults: false }) });
    const ended = await watch();
    expect([ended.ending, codeOf(ended)]).to.deep.equal(['over', 0]);
    expect(ended.summary.mean).to.equal(0);
    expect(io.terminal.stderr).to.include('1/1');
    expect(io.terminal.stdout).to.equal('');
  });

  it('follows while it still submits, and does not wait for what was refused', async () => {
    const error = new CliError('SB-E040', { what: 'a', why: 'b', fix: 'c' });
    const ended = await watch({
      expected: 2,
      submit: async (note) => {
        write(rewarded(1, { name: 'a', uploadResults: false }));
        note('submitted');
        return { ...NONE, created: 1, refused: [{ name: 'b', error }] };
      },
    });
    expect([ended.ending, ended.summary.total, codeOf(ended)]).to.deep.equal(['over', 1, 3]);
    expect(io.terminal.stderr).to.include('submitted');
  });

  it('rejects with what keeps the run from being submitted', async () => {
    const error = await watch({ expected: 1, submit: () => Promise.reject(new Error('quota')) }).catch(
      String,
    );
    expect(error).to.equal('Error: quota');
    expect(io.terminal.stderr).to.equal('');
  });

  it('ends with 1 where a Trial was lost to infrastructure, before it looks at the mean', async () => {
    write(broken('NodeLost', { name: 'a', uploadResults: false }));
    expect(codeOf(await watch(), 0.5)).to.equal(1);
  });

  it('ends with 4 where the mean is below --fail-under', async () => {
    write(rewarded(0.4, { name: 'a', uploadResults: false }));
    const ended = await watch();
    expect([codeOf(ended, 0.5), codeOf(ended, 0.4)]).to.deep.equal([4, 0]);
  });

  it('ends with 124 when the patience is over, and the run goes on', async () => {
    write(inRun({ name: 'a' }));
    const ended = await watch({ waitMs: 500 });
    expect([ended.ending, codeOf(ended)]).to.deep.equal(['timeout', 124]);
    expect(
      (await session.kube.get(TrialKind, { namespace: 'default', name: 'a' }))?.spec.cancel ?? false,
    ).to.equal(false);
  });

  it('ends with 130 at Ctrl-C, and the run goes on', async () => {
    write(inRun({ name: 'a' }));
    const watching = watch();
    setTimeout(() => pressCtrlC(), 100);
    const ended = await watching;
    expect([ended.ending, codeOf(ended)]).to.deep.equal(['interrupted', 130]);
  });

  it('asks at a second Ctrl-C whether to cancel, and cancels what has not ended', async () => {
    const asked: string[] = [];
    io = interruptible({
      confirm: async (question) => {
        asked.push(question);
        return true;
      },
    });
    Object.assign(io.terminal, { input: true });
    write(inRun({ name: 'a' }));
    write(rewarded(1, { name: 'b', uploadResults: false }));
    const watching = watch();
    setTimeout(() => pressCtrlC(), 100);
    setTimeout(() => pressCtrlC(), 110);
    const { ending, cancelled: count } = await watching;
    expect([ending, count]).to.deep.equal(['interrupted', 1]);
    expect(io.terminal.stderr).to.include('left, 1 cancelled\n');
    expect(asked).to.deep.equal([`cancel run ${RUN}?`]);
    const cancelled = await session.kube.list(TrialKind, { namespace: 'default' });
    expect(cancelled.map(({ metadata, spec }) => [metadata.name, spec.cancel ?? false])).to.deep.equal([
      ['a', true],
      ['b', false],
    ]);
  });

  it('prints one document at the end, or the names, or a table of the Trials', async () => {
    write(rewarded(0.5, { name: 'b', uploadResults: false }));
    write(broken('NodeLost', { name: 'a', message: 'gone\x1b[2J', uploadResults: false }));
    const ended = { ...(await watch()), run: RUN, namespace: 'default' };
    const printed = async (format: 'json' | 'name' | 'table'): Promise<string> => {
      const { terminal } = recordedIo();
      await printOutcome(terminal, format, ended);
      return terminal.stdout;
    };
    const document = JSON.parse(await printed('json')) as {
      mean: number;
      trials: { trial: string; reward: number }[];
    };
    expect(document.mean).to.equal(0.25);
    expect(document.trials.map(({ trial, reward }) => [trial, reward])).to.deep.equal([
      ['a', null],
      ['b', 0.5],
    ]);
    expect(await printed('name')).to.equal(`${RUN}\n`);
    expect(await printed('table')).to.match(/task-a +oracle +- +lost +- .*NodeLost: gone\n/);
  });
});
