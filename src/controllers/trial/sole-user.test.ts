import { expect } from 'chai';
import { aTrial, compiledTrial } from '../../../test/support/builders/objects.ts';
import type { TrialSpec } from '../../crds/trial.ts';
import { agentUser, type SoleUser } from './sole-user.ts';

type Users = {
  environment?: string;
  agent?: string;
  verifier?: string;
  hook?: string;
  image?: string;
  escalates?: boolean;
};

function found(
  { environment, agent, verifier, hook, image = '', escalates = false }: Users,
  over: Partial<TrialSpec['agent']> = {},
): SoleUser | undefined {
  const { spec } = compiledTrial(aTrial());
  const [step] = spec.work;
  const ofAgent = { ...step.agent, ...over, ...(agent !== undefined && { user: agent }) };
  return agentUser(
    {
      ...spec,
      environment: {
        ...spec.environment,
        allowPrivilegeEscalation: escalates,
        ...(environment !== undefined && { user: environment }),
      },
      agent: ofAgent,
      work: [
        step,
        {
          ...step,
          agent: ofAgent,
          verifier: { ...step.verifier, ...(verifier !== undefined && { user: verifier }) },
          hooks: hook === undefined ? [] : [{ command: 'true', timeoutSeconds: 1, user: hook }],
        },
      ],
    },
    { user: image },
  );
}

describe('the one user of a Trial', () => {
  it('is the image’s or the environment’s, where nobody says another', () => {
    expect(found({ image: '1000' })).to.deep.equal({ user: 1000 });
    expect(found({ image: 'root', environment: '1000:100' })).to.deep.equal({ user: 1000, group: 100 });
    expect(found({ image: '7', agent: '7', verifier: '7', hook: '7' })).to.deep.equal({ user: 7 });
  });

  it('is nobody where one phase has another user', () => {
    expect(found({ image: '1000', agent: '1001' })).to.equal(undefined);
    expect(found({ image: '1000', verifier: '0' })).to.equal(undefined);
    expect(found({ image: '1000', hook: 'root' })).to.equal(undefined);
    expect(found({ image: '1000', agent: '1000:1' })).to.equal(undefined);
  });

  it('is never root, nor one that only the image knows by name', () => {
    for (const image of ['', '0', '0:0', '00', 'root', 'agent', '1000:staff'])
      expect(found({ image }), image).to.equal(undefined);
  });

  it('is nobody where privileges may be gained', () => {
    expect(found({ image: '1000', escalates: true })).to.equal(undefined);
  });

  it('is nobody where the agent is installed, which root does', () => {
    expect(found({ image: '1000' }, { name: 'custom', run: 'x' })).to.deep.equal({ user: 1000 });
    expect(found({ image: '1000' }, { name: 'custom', run: 'x', install: 'y' })).to.equal(undefined);
  });
});
