import { expect } from 'chai';
import { aTaskBuild, aTrial, stampOf, T0 } from '../../../test/support/builders/objects.ts';
import type { Condition } from '../../crds/conditions.ts';
import type { TrialStatus } from '../../crds/trial-status.ts';
import { byTaskBuild, keysOfOpen, withoutScripts } from './ended.ts';

const large = 'x'.repeat(10_000);
const env = [{ name: 'LARGE', value: large }];

const trialThat = (status: Condition['status']) => {
  const succeeded = {
    type: 'Succeeded',
    status,
    reason: 'Any',
    message: '',
    lastTransitionTime: stampOf(T0),
  };
  const trial = aTrial({
    spec: {
      agent: { name: 'custom', setupTimeoutSeconds: 1, install: large, run: large, env },
      verifier: { mode: 'Shared', disabled: false, env },
      environment: { env, build: { ...aTaskBuild().spec, buildArgs: { LARGE: large } } },
      artifacts: [{ source: `/${large}` }],
    },
    status: { conditions: [succeeded], reward: 1 },
  });
  return trial;
};

describe('a Trial in the watch cache', () => {
  it('keeps no scripts and variables once it has ended', () => {
    for (const status of ['True', 'False'] as const) {
      const trial = trialThat(status);
      const kept = withoutScripts(trial);
      expect(JSON.stringify(kept)).not.to.contain('xxx');
      expect(kept.status).to.equal(trial.status);
      expect(kept.spec.agent.name).to.equal('custom');
      expect(trial.spec.agent.run).to.equal(large);
    }
  });

  it('is whole until then', () => {
    const trial = trialThat('Unknown');
    expect(withoutScripts(trial)).to.equal(trial);
  });
});

describe('a Trial that has ended', () => {
  const seenAt = (observedGeneration: number) => {
    const trial = trialThat('True');
    return { ...trial, status: { ...trial.status, observedGeneration } };
  };

  it('is looked at no more, until its spec changes', () => {
    const key = { namespace: 'default', name: 'hello' };
    expect(keysOfOpen(trialThat('Unknown'))).to.deep.equal([key]);
    expect(keysOfOpen(seenAt(1))).to.deep.equal([]);
    expect(keysOfOpen(seenAt(0))).to.deep.equal([key]);
  });
});

describe('the index of Trials by TaskBuild', () => {
  const filed = (status: TrialStatus): string[] => byTaskBuild(aTrial({ status }));

  it('has every TaskBuild that makes an image of the Trial, each once', () => {
    expect(filed({})).to.deep.equal([]);
    expect(filed({ taskBuild: 'build-1' })).to.deep.equal(['default/build-1']);
    const images = ['build-1', 'build-2'].map((taskBuild) => ({ role: 'agent' as const, taskBuild }));
    expect(filed({ taskBuild: 'build-1', images })).to.deep.equal(['default/build-1', 'default/build-2']);
  });
});
