import { expect } from 'chai';
import { Readable } from 'node:stream';
import { active } from '../../../test/support/builders/run-trials.ts';
import type { PodLog } from '../../client/logs/pod-log.ts';
import { AgentOutput } from './agent-output.ts';

describe('What agents print', () => {
  const { signal } = new AbortController();
  const trial = (name: string) =>
    active('Running', { name, status: { ...active('Running').status, podName: `${name}-pod` } });
  const said = async (podLog: PodLog, names: string[]): Promise<string[]> => {
    const notes: string[] = [];
    const output = new AgentOutput({ podLog, signal, note: (text) => notes.push(text) });
    for (const name of names) {
      output.take(trial(name));
      await output.settle();
    }
    return notes;
  };

  it('has the Trial’s name before it, each time that a progress bar writes over itself', async () => {
    const podLog: PodLog = async () => Readable.from(['10%\r20%', 'done']);
    expect(await said(podLog, ['a', 'a'])).to.deep.equal(['a | 10%', 'a | 20%', 'a | done']);
  });

  it('is asked for again where nothing was printed yet', async () => {
    const logs = [undefined, Readable.from(['late'])];
    expect(await said(async () => logs.shift(), ['a', 'a'])).to.deep.equal(['a | late']);
  });

  it('is a sentence where it cannot be had', async () => {
    const podLog: PodLog = () => Promise.reject(new Error('no'));
    expect(await said(podLog, ['a'])).to.deep.equal(['cannot follow a: no']);
  });

  it('comes from ten Pods at a time, and from all in the end', async () => {
    const ends = Promise.withResolvers<void>();
    let open = 0;
    let most = 0;
    async function* log(): AsyncGenerator<string> {
      most = Math.max(most, ++open);
      await ends.promise;
      open -= 1;
      yield 'done';
    }
    const notes: string[] = [];
    const output = new AgentOutput({ podLog: async () => log(), signal, note: (text) => notes.push(text) });
    for (let index = 0; index < 25; index++) output.take(trial(`t${index}`));
    ends.resolve();
    await output.settle();
    expect([notes.length, most]).to.deep.equal([25, 10]);
  });
});
