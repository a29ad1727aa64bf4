import { expect } from 'chai';
import { aTrial } from '../../../test/support/builders/objects.ts';
import { recordedTerminal } from '../../../test/support/terminal/recorded.ts';
import { showTrial } from './trial.ts';

describe('sb trial show', () => {
  it('prints the verdict on a reward, and each finding with its code on a line of its own', async () => {
    const findings = [
      { code: 'PreloadPlanted' as const, message: 'changed since the agent began: /etc/ld.so.preload' },
      { code: 'AgentWasRoot' as const, message: 'the agent was root' },
    ];
    const trial = { ...aTrial(), status: { integrity: { verdict: 'Suspicious' as const, findings } } };
    const terminal = recordedTerminal();
    await showTrial(terminal, { trial, format: 'table', now: new Date() });
    expect(terminal.stdout).to.match(
      /^Integrity +Suspicious\n +PreloadPlanted: changed since the agent began: \/etc\/ld\.so\.preload\n +AgentWasRoot: the agent was root\n/m,
    );
  });
});
