import { expect } from 'chai';
import { inNamespace } from './namespace.ts';
import { counted } from '../../text/figures.ts';

describe('A command to run', () => {
  const cases: [line: string, withNamespace: string][] = [
    ['sb trial logs a -f', 'sb trial logs -n n a -f'],
    ['kubectl describe pod p', 'kubectl -n n describe pod p'],
    ['kubectl describe node x', 'kubectl describe node x'],
    ['kubectl -n sb-system get pods', 'kubectl -n sb-system get pods'],
    ['sb doctor    (is the operator up?)', 'sb doctor    (is the operator up?)'],
    ['wait a few seconds', 'wait a few seconds'],
  ];
  for (const [line, expected] of cases)
    it(`is ${expected} in another namespace than one’s own`, () =>
      expect(inNamespace(line, 'n')).to.equal(expected));

  it('names no namespace where commands go there by themselves', () =>
    expect(inNamespace('sb run ls', undefined)).to.equal('sb run ls'));

  it('counts as people do', () =>
    expect([counted(1, 'Trial'), counted(0, 'Trial')]).to.deep.equal(['1 Trial', '0 Trials']));
});
