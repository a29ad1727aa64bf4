import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { aTrial, NO_RULES, SOLVED_FILES, T0 } from '../../test/support/builders/objects.ts';
import { memoryArtifactStore } from '../providers/artifact-store/memory.ts';
import type { TaskRead } from '../task-source/read.ts';
import { parseTaskToml } from '../tasks/index.ts';
import type { TrialSubject } from './identity/subjects.ts';
import { routes } from './routes.ts';
import { IMAGE } from '../../test/support/broker/objects.ts';

const POD = { namespace: 'evals', serviceAccount: 'default', podName: 'solve-1-x7k2p', podUid: 'pod-uid' };

describe('the assignment of a task in a ConfigMap', () => {
  function asked(read: TaskRead, taskContent?: string): Promise<object> {
    const subject: TrialSubject = {
      trial: aTrial(),
      attempt: 1,
      image: IMAGE,
      verifiers: {},
      ...(taskContent !== undefined && { taskContent }),
    };
    const route = routes({
      subjects: {
        trialOf: async () => subject,
        taskBuildOf: async () => expect.fail('no build asks'),
        sandboxOf: async () => expect.fail('no Sandbox asks'),
      },
      tasks: { read: async () => read },
      now: () => T0,
      store: memoryArtifactStore(),
      rulesOf: async () => NO_RULES,
      presignSeconds: 300,
      probePort: 8444,
      modelPrices: [],
      metrics: { granted: () => expect.fail('nothing is uploaded') },
    })['GET /v1/assignment'];
    return route?.(POD, {} as IncomingMessage) ?? expect.fail('there is no such route');
  }
  const found = (toml = ''): TaskRead => ({
    kind: 'found',
    content: 'aaaaaaaaaaaa',
    task: { config: parseTaskToml(toml), files: Object.keys(SOLVED_FILES).map((path) => ({ path })) },
  });

  it('says what the files must be', async () => {
    const source = { kind: 'configMap', content: 'aaaaaaaaaaaa' };
    expect(await asked(found(), 'aaaaaaaaaaaa')).to.have.deep.nested.property('task.source', source);
  });

  it('is refused with 409 where it has changed since the Job was made', async () => {
    expect(await asked(found(), 'bbbbbbbbbbbb')).to.deep.equal({
      kind: 'refused',
      status: 409,
      reason: 'TaskMismatch',
      message:
        'the task’s ConfigMap has changed since the Job was made: its files were bbbbbbbbbbbb and are aaaaaaaaaaaa',
    });
  });

  it('is refused with 422 where the task cannot be run, with 404 where there is none', async () => {
    expect(await asked(found('[environment]\nos = "windows"'))).to.deep.include({
      status: 422,
      reason: 'TaskUnsupported',
      message: 'environment.os: only linux is supported',
    });
    expect(await asked({ kind: 'faulty', reason: 'TaskNotFound', message: 'none' })).to.include({
      status: 404,
    });
    expect(await asked({ kind: 'faulty', reason: 'TaskInvalid', message: 'bad' })).to.include({
      status: 422,
    });
  });
});
