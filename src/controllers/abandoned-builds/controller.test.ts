import { expect } from 'chai';
import { Registry } from 'prom-client';
import { after, aTaskBuild, stampOf, T0 } from '../../../test/support/builders/objects.ts';
import { recordingLog } from '../../../test/support/kube.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { TaskBuild as TaskBuildKind } from '../../crds/kinds.ts';
import type { BuildAttempt, TaskBuild } from '../../crds/task-build.ts';
import { ObjectCache } from '../../kube/cache/cache.ts';
import { createMetrics } from '../../kube/metrics.ts';
import type { ObjectKey } from '../../kube/types.ts';
import { createController } from '../../kube/work/controller.ts';
import { ProviderError } from '../../providers/errors.ts';
import { AbandonedBuilds, abandonedBuildsController } from './controller.ts';

const RUNNING: BuildAttempt = { number: 1, token: 't', buildId: 'project:1' };
const key = (name: string): ObjectKey => ({ namespace: 'default', name });

/** TaskBuilds of which some are deleted, and a builder whose stops may fail. */
class Room {
  now = T0;
  fault: ProviderError | undefined;
  readonly calls: string[] = [];
  readonly taskBuilds = new ObjectCache<TaskBuild>(TaskBuildKind);
  readonly abandoned = new AbandonedBuilds(this.taskBuilds, () => this.now);
  readonly reconcile = abandonedBuildsController({
    abandoned: this.abandoned,
    builder: {
      stop: async ({ id }) => {
        this.calls.push(id);
        if (this.fault) throw this.fault;
      },
    },
  });

  /** Shows a TaskBuild with this attempt, and its deletion. */
  remove(name: string, attempt: BuildAttempt = RUNNING): void {
    const spec = { timeoutSeconds: 60, queueTimeoutSeconds: 30 };
    const build = aTaskBuild({ name, spec, status: { attempts: [attempt] } });
    this.taskBuilds.put(build);
    this.taskBuilds.remove(build);
  }

  async pass(name: string): Promise<string[]> {
    this.calls.length = 0;
    await this.reconcile(key(name), new AbortController().signal);
    return [...this.calls];
  }

  /** What a new leader is given to do. */
  waiting(): ObjectKey[] {
    const keys: ObjectKey[] = [];
    this.abandoned.feed().start((each) => keys.push(each), recordingLog());
    return keys;
  }
}

describe('the build of a TaskBuild that is deleted', () => {
  it('is stopped where it is under way, once', async () => {
    const room = new Room();
    room.remove('running');
    expect(await room.pass('running')).to.deep.equal(['project:1']);
    expect(await room.pass('running')).to.deep.equal([]);
  });

  it('is left alone where it has ended, or was never started', async () => {
    const room = new Room();
    room.remove('ended', { ...RUNNING, completionTime: stampOf(T0) });
    room.remove('opened', { number: 1, token: 't' });
    expect([...(await room.pass('ended')), ...(await room.pass('opened'))]).to.deep.equal([]);
  });

  it('is left alone as long as the TaskBuild exists', async () => {
    const room = new Room();
    room.taskBuilds.put(aTaskBuild({ name: 'running', status: { attempts: [RUNNING] } }));
    expect(await room.pass('running')).to.deep.equal([]);
  });

  it('is stopped beside the build of a later TaskBuild of that name', async () => {
    const room = new Room();
    room.remove('again');
    room.remove('again', { ...RUNNING, buildId: 'project:2' });
    room.taskBuilds.put(
      aTaskBuild({ name: 'again', status: { attempts: [{ ...RUNNING, buildId: 'project:3' }] } }),
    );
    expect(await room.pass('again')).to.deep.equal(['project:1', 'project:2']);
  });

  it('is stopped again, later each time, until a stop goes well', async () => {
    const room = new Room();
    const clock = new ManualClock();
    const log = recordingLog();
    const metrics = createMetrics(new Registry());
    const controller = createController({ name: 'test', reconcile: room.reconcile, clock, log, metrics });
    room.fault = new ProviderError('Throttled', 'Rate exceeded');
    room.remove('running');
    controller.enqueue(key('running'));
    await clock.advance(100);
    const tries = room.calls.length;
    expect(tries).to.be.above(2);
    room.fault = undefined;
    await clock.advance(1000);
    expect(room.calls).to.have.length(tries + 1);
    await clock.advance(100_000);
    expect(room.calls).to.have.length(tries + 1);
    await controller.stop(0);
  });

  it('is handed to the next leader of this process, unless it was stopped', async () => {
    const room = new Room();
    room.remove('stopped', { ...RUNNING, buildId: 'project:2' });
    await room.pass('stopped');
    room.remove('running');
    expect(room.waiting()).to.deep.equal([key('running')]);
  });

  it('is forgotten when its own timeouts have ended it', async () => {
    const room = new Room();
    room.remove('running');
    room.now = after(90);
    expect(await room.pass('running')).to.deep.equal([]);
    expect(room.waiting()).to.deep.equal([]);
  });
});
