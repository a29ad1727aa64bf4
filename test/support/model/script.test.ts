import { expect } from 'chai';
import { readScript, type Turn } from './script.ts';
import { standardScripts } from './scripts.ts';

describe('reading a script', () => {
  it('gathers faults before the reply they hold up', () => {
    const faults: Turn[] = [
      { fail: 429, times: 2 },
      { cut: true, times: 1 },
    ];
    const { scenes } = readScript('s', [...faults, { shell: 'a' }, { say: 'b' }]);
    expect(scenes).to.deep.equal([
      { faults, reply: { shell: 'a' } },
      { faults: [], reply: { say: 'b' } },
    ]);
  });

  it('lets faults at the end hold up the last words', () => {
    expect(readScript('s', [{ say: 'a' }, { fail: 'auth' }]).scenes[1]?.faults).to.have.length(1);
  });

  it('meets faults only at the first of repeated turns', () => {
    const { scenes } = readScript('s', [
      { fail: 500, times: 1 },
      { shell: 'a', repeat: 3 },
    ]);
    expect(scenes.map(({ faults }) => faults.length)).to.deep.equal([1, 0, 0]);
  });

  it('refuses a field or a failure that it does not know, and says where', () => {
    const wrong = [{ say: 'a' }, { shel: 'ls' }] as Turn[];
    expect(() => readScript('mine', wrong)).to.throw('turn 2 of script "mine" has the unknown field "shel"');
    expect(() => readScript('mine', [{ fail: 418 }])).to.throw('no failure is called 418');
  });

  it('reads every standard script', () => {
    for (const [name, source] of Object.entries(standardScripts)) {
      expect(readScript(name, source).scenes, name).not.to.be.empty;
    }
  });
});
