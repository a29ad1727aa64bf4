import { expect } from 'chai';
import { after, aTrial, T0 } from '../../test/support/builders/objects.ts';
import type { TaskRead } from '../task-source/read.ts';
import { taskReads } from './tasks.ts';
import { trialWith } from '../../test/support/broker/objects.ts';

const MISSING: TaskRead = { kind: 'faulty', reason: 'TaskNotFound', message: 'none' };

describe('a courier that asks for its task', () => {
  it('costs the API server one request in three seconds', async () => {
    let [asked, now] = [0, T0];
    const read = taskReads({ read: async () => (asked++, MISSING) }, () => now);
    const ask = (): Promise<TaskRead> => read(aTrial());
    await Promise.all([ask(), ask()]);
    now = after(2);
    expect(await ask()).to.equal(MISSING);
    expect(asked).to.equal(1);
    now = after(3);
    await ask();
    expect(asked).to.equal(2);
  });

  it('is asked for anew where nobody answered, and where its task lies in the bucket', async () => {
    let asked = 0;
    const failing = async (): Promise<TaskRead> => {
      asked += 1;
      throw new Error('away');
    };
    const read = taskReads({ read: failing }, () => T0);
    for (const trial of [aTrial(), aTrial(), trialWith(), trialWith()])
      await read(trial).catch((error: Error) => expect(error.message).to.equal('away'));
    expect(asked).to.equal(4);
  });
});
