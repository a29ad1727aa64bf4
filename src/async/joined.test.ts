import { expect } from 'chai';
import { joined } from './joined.ts';

interface Call {
  key: string;
  answer: (value: string) => void;
  fail: (error: Error) => void;
}

/** Something to ask, whose calls are answered by the test. */
function asked() {
  const calls: Call[] = [];
  const ask = joined(
    (key: string) => {
      const { promise, resolve: answer, reject: fail } = Promise.withResolvers<string>();
      calls.push({ key, answer, fail });
      return promise;
    },
    (key) => key,
  );
  return { calls, ask };
}

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

describe('Questions that are asked together', () => {
  it('become one call for all who ask while another is under way', async () => {
    const { calls, ask } = asked();
    const first = ask('a');
    const others = [ask('a'), ask('a'), ask('a')];
    expect(calls).to.have.length(1);
    calls[0]!.answer('old');
    expect(await first).to.equal('old');
    await settled();
    expect(calls).to.have.length(2);
    calls[1]!.answer('new');
    expect(await Promise.all(others)).to.deep.equal(['new', 'new', 'new']);
    expect(calls).to.have.length(2);
  });

  it('are never answered by a call that had begun before they were asked', async () => {
    const { calls, ask } = asked();
    const waiting = [ask('a'), ask('a')];
    calls[0]!.answer('1');
    await settled();
    // The second call is under way by now, for those who had asked before it.
    const late = ask('a');
    calls[1]!.answer('2');
    await settled();
    expect(calls).to.have.length(3);
    calls[2]!.answer('3');
    expect(await Promise.all([...waiting, late])).to.deep.equal(['1', '2', '3']);
  });

  it('wait for the end of a slow call no longer than a moment', async () => {
    const { calls, ask } = asked();
    const slow = ask('a');
    const others = [ask('a'), ask('a')];
    while (calls.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    calls[1]!.answer('new');
    expect(await Promise.all(others)).to.deep.equal(['new', 'new']);
    calls[0]!.answer('old');
    expect(await slow).to.equal('old');
    void ask('a');
    expect(calls).to.have.length(3);
  });

  it('of one key do not wait for another’s', async () => {
    const { calls, ask } = asked();
    void ask('a');
    const other = ask('b');
    expect(calls.map(({ key }) => key)).to.deep.equal(['a', 'b']);
    calls[1]!.answer('b');
    expect(await other).to.equal('b');
  });

  it('are asked again though the call before them failed, and remember nothing', async () => {
    const { calls, ask } = asked();
    const failing = ask('a').catch((error: Error) => error.message);
    const next = ask('a');
    calls[0]!.fail(new Error('no answer'));
    expect(await failing).to.equal('no answer');
    await settled();
    calls[1]!.answer('fine');
    expect(await next).to.equal('fine');
    void ask('a');
    expect(calls).to.have.length(3);
  });
});
