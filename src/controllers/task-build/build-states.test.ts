import { expect } from 'chai';
import { aTaskBuild } from '../../../test/support/builders/objects.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import { ObjectCache } from '../../kube/cache/cache.ts';
import { TaskBuild as TaskBuildKind } from '../../crds/kinds.ts';
import { ProviderError } from '../../providers/errors.ts';
import type { BuildHandle, BuildState, ImageBuilder } from '../../providers/image-builder/port.ts';
import { BuildStates } from './build-states.ts';
import { bySlot } from './queue.ts';

const handle = (id: string): BuildHandle => ({ id, namespace: 'default' });

function setUp(running: string[]) {
  const taskBuilds = new ObjectCache<TaskBuild>(TaskBuildKind);
  taskBuilds.addIndex('slot', bySlot);
  for (const id of running)
    taskBuilds.put(aTaskBuild({ name: id, status: { attempts: [{ number: 1, token: id, buildId: id }] } }));
  const asked: string[][] = [];
  let answer: () => Promise<Map<string, BuildState>> = async () => new Map();
  const builder: ImageBuilder = {
    backend: 'CodeBuild',
    pollMs: 5000,
    tokenLifeMs: 240_000,
    start: () => Promise.reject(new Error('not asked for')),
    stop: async () => {},
    states: (handles) => {
      asked.push(handles.map(({ id }) => id));
      return answer();
    },
  };
  const clock = new ManualClock();
  const states = new BuildStates({ builder, taskBuilds, clock });
  return {
    states,
    asked,
    answers: (make: typeof answer) => void (answer = make),
    pass: (ms: number) => clock.stall(ms),
    advance: (ms: number) => clock.advance(ms),
  };
}

describe('the one poller of all builds', () => {
  it('asks once for all of them, whoever asks, and once an interval', async () => {
    const { states, asked, answers, pass } = setUp(['a', 'b']);
    answers(async () => new Map([['a', { kind: 'running' }]]));
    const found = await Promise.all([states.stateOf(handle('a')), states.stateOf(handle('b'))]);
    expect(found).to.deep.equal([{ kind: 'running' }, { kind: 'unknown' }]);
    expect(states.dueInMs).to.equal(5000);
    pass(4999);
    await states.stateOf(handle('a'));
    expect(asked).to.deep.equal([['a', 'b']]);
    pass(1);
    await states.stateOf(handle('a'));
    expect(asked).to.have.length(2);
  });

  it('takes a build that was started since for a queued one', async () => {
    const { states, asked } = setUp(['a']);
    await states.stateOf(handle('a'));
    expect(await states.stateOf(handle('new'))).to.deep.equal({ kind: 'queued' });
    expect(asked).to.have.length(1);
  });

  it('asks for a build that the cache does not show yet', async () => {
    const { states, asked } = setUp([]);
    await states.stateOf(handle('new'));
    expect(asked).to.deep.equal([['new']]);
  });

  it('does not ask again while an answer is on its way', async () => {
    const { states, asked, answers, pass } = setUp(['a']);
    const late = Promise.withResolvers<Map<string, BuildState>>();
    answers(() => late.promise);
    const first = states.stateOf(handle('a'));
    pass(20_000);
    const second = states.stateOf(handle('a'));
    late.resolve(new Map([['a', { kind: 'queued' }]]));
    expect(await first).to.deep.equal(await second);
    expect(asked).to.have.length(1);
  });

  it('does not hang for ever with a call that is never answered', async () => {
    const { states, asked, answers, advance } = setUp(['a']);
    answers(() => new Promise(() => {}));
    const first = states.stateOf(handle('a'));
    await advance(120_000);
    expect(await first).to.deep.equal({
      kind: 'unanswered',
      message: 'the builder has not answered within 120 s',
    });
    answers(async () => new Map([['a', { kind: 'running' }]]));
    expect(await states.stateOf(handle('a'))).to.deep.equal({ kind: 'running' });
    expect(asked).to.have.length(2);
  });

  it('tells everybody that the builder did not answer, and asks an interval later', async () => {
    const { states, asked, answers, pass } = setUp(['a']);
    answers(() => Promise.reject(new ProviderError('Throttled', 'Rate exceeded')));
    const unanswered = { kind: 'unanswered', message: 'Rate exceeded' };
    expect(await states.stateOf(handle('a'))).to.deep.equal(unanswered);
    expect(await states.stateOf(handle('b'))).to.deep.equal(unanswered);
    expect(asked).to.have.length(1);
    pass(5000);
    answers(async () => new Map([['a', { kind: 'running' }]]));
    expect(await states.stateOf(handle('a'))).to.deep.equal({ kind: 'running' });
  });
});
