import { expect } from 'chai';
import { Readable } from 'node:stream';
import { trialPrefix } from '../../results/keys.ts';
import { Trial as TrialKind } from '../../crds/kinds.ts';
import type { Trial } from '../../crds/trial.ts';
import type { Transport } from '../../kube/http/transport.ts';
import { active, broken, rewarded, RUN } from '../../../test/support/builders/run-trials.ts';
import { stateOf } from '../../results/state.ts';
import { recordedIo } from '../../../test/support/terminal/recorded.ts';
import type { Session } from '../../client/session/types.ts';
import { printRunLogs, printTrialLog } from './logs.ts';
import { failureOf, world, type World } from '../../../test/support/client/world.ts';

type RunLogs = Parameters<typeof printRunLogs>[1];

const STAMP = '2026-01-01T00:00:00Z';

describe('The logs of a run', () => {
  let w: World;
  let io: ReturnType<typeof recordedIo>;
  beforeEach(async () => {
    w = await world();
    io = recordedIo();
  });
  afterEach(() => w.close());

  const print = (
    options: Partial<RunLogs> & { follow?: boolean } = {},
    session = w.session,
  ): Promise<void> => {
    const { follow = false, ...more } = options;
    return printRunLogs(session, { io, run: RUN, states: [], wish: { follow, phase: 'agent' }, ...more });
  };
  const store = (trial: Trial, text: string): Promise<unknown> =>
    w.store.put(`${trialPrefix(trial)}agent/oracle.txt`, text);
  const running = (name: string): Trial =>
    active('Running', { name, status: { ...active('Running').status, podName: `${name}-pod` } });

  /** With news for whoever watches. */
  function change(...changed: Trial[]): void {
    const trials = w.server.collection(TrialKind);
    for (const trial of changed) {
      const { resourceVersion: _version, uid: _uid, ...metadata } = trial.metadata;
      const stored = { ...trial, metadata };
      if (!trials.objects.has(`default/${metadata.name}`)) trials.create(stored);
      else trials.update(stored, 'status');
    }
  }

  const ended = (name: string): Trial => {
    const trial = rewarded(1, { name });
    return { ...trial, status: { ...trial.status, podName: `${name}-pod` } };
  };

  it('of one agent that used a model name the command that shows what it did', async () => {
    const [used, plain] = [
      rewarded(1, { name: 'a', status: { usage: { inputTokens: 1 } } }),
      rewarded(1, { name: 'b' }),
    ];
    w.have(used, plain);
    await store(used, '{"type":"assistant"}\n');
    await store(plain, 'solving\n');
    await printTrialLog(w.session, { io, trial: 'a', wish: { follow: false, phase: 'agent' } });
    expect(io.terminal.stderr).to.include('sb trial show a --steps\n');
    await printTrialLog(w.session, { io, trial: 'b', wish: { follow: false, phase: 'agent' } });
    expect(io.terminal.stderr).to.not.include('sb trial show b');
  });

  it('of one are a document for programs, or one for each line', async () => {
    const trial = rewarded(1, { name: 'a', status: { usage: { inputTokens: 1 } } });
    w.have(trial);
    await store(trial, 'solving\n\u001b[2J"done"\n');
    const logged = async (output: 'json' | 'jsonl'): Promise<string> => {
      const own = recordedIo();
      await printTrialLog(w.session, {
        io: own,
        trial: 'a',
        wish: { follow: false, phase: 'agent' },
        output,
      });
      expect(own.terminal.stdout).to.not.include('\u001b');
      expect(own.terminal.stderr).to.equal('');
      return own.terminal.stdout;
    };
    const lines = ['solving', '\u001b[2J"done"'];
    const title = 'agent/oracle.txt';
    expect(JSON.parse(await logged('json'))).to.deep.equal({
      trial: 'a',
      notes: [],
      parts: [{ title, lines }],
    });
    const each = (await logged('jsonl')).trimEnd().split('\n');
    expect(each.map((line) => JSON.parse(line) as object)).to.deep.equal(
      lines.map((line) => ({ trial: 'a', title, line })),
    );
  });

  it('have the Trials’ names before their lines', async () => {
    const trial = rewarded(1, { name: 'a' });
    w.have(trial, broken('NodeLost', { name: 'b' }));
    await store(trial, 'solving\n');
    await print();
    expect(io.terminal.stdout).to.equal('a | solving\n');
    expect(io.terminal.stderr).to.equal('b: NodeLost: why\n');
    expect((await failureOf(print({ states: ['cancelled'] }))).code).to.equal('SB-E093');
  });

  it('come while Trials run, each once, until the run is over', async () => {
    change(rewarded(1, { name: 'a' }), running('b'), running('c'));
    // Their folders are called by their UIDs.
    for (const trial of w.trials()) await store(trial, 'stored\n');
    const session = withPodLogs(w.session, {
      'b-pod': async function* () {
        yield Buffer.from(`${STAMP} live\n`);
        change(ended('b'), ended('c'));
        yield Buffer.from(`${STAMP} last words\n`);
      },
    });
    await print({ follow: true }, session);
    expect(io.terminal.stdout.trimEnd().split('\n')).to.have.members([
      'a | stored',
      'b | live',
      'b | last words',
      'c | stored',
    ]);
  });

  it('wait for a Pod that waits, whose log the API server says is empty', async () => {
    change(
      active('Unschedulable', { name: 'b', status: { ...active('Unschedulable').status, podName: 'b-pod' } }),
    );
    const news = setTimeout(() => change(running('b')), 100);
    const session = withPodLogs(w.session, {
      'b-pod': async function* () {
        const isRunning = w.trials().some((trial) => stateOf(trial).state === 'running');
        if (!isRunning) return;
        yield Buffer.from(`${STAMP} live\n`);
        change(ended('b'));
      },
    });
    await print({ follow: true }, session);
    clearTimeout(news);
    expect(io.terminal.stdout).to.equal('b | live\n');
  });

  /** A session whose API server has these logs of task containers, and none else. */
  function withPodLogs(session: Session, logs: Record<string, () => AsyncGenerator<Buffer>>): Session {
    const { kubeParts } = session;
    const { transport } = kubeParts;
    const stream: Transport['stream'] = async (request) => {
      const [, pod = ''] = /pods\/([^/]+)\/log\?container=task/.exec(request.path) ?? [];
      return logs[pod] ? Readable.from(logs[pod]()) : transport.stream(request);
    };
    const changed = Object.assign(Object.create(transport) as Transport, { stream });
    return { ...session, kubeParts: { ...kubeParts, transport: changed } };
  }
});
