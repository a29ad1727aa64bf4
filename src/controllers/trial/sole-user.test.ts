import { expect } from 'chai';
import { aTrial, compiledTrial } from '../../../test/support/builders/objects.ts';
import type { TrialSpec } from '../../crds/trial.ts';
import type { CompiledSpec } from '../../tasks/index.ts';
import type { AssignedUsers, SoleUser } from '../../pods/building/users.ts';
import { agentUser, assignedUsers } from './sole-user.ts';

type Users = {
  environment?: string;
  agent?: string;
  verifier?: string;
  hook?: string;
  image?: string;
  escalates?: boolean;
};

function specOf(
  { environment, agent, verifier, hook, escalates = false }: Users,
  over: Partial<TrialSpec['agent']> = {},
): CompiledSpec {
  const { spec } = compiledTrial(aTrial());
  const [step] = spec.work;
  const ofAgent = { ...step.agent, ...over, ...(agent !== undefined && { user: agent }) };
  const ofEnvironment = {
    ...spec.environment,
    allowPrivilegeEscalation: escalates,
    ...(environment !== undefined && { user: environment }),
  };
  return {
    ...spec,
    environment: ofEnvironment,
    environments: { agent: ofEnvironment },
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
  };
}

const found = (users: Users, over: Partial<TrialSpec['agent']> = {}): SoleUser | undefined =>
  agentUser(specOf(users, over), { user: users.image ?? '' });

describe('the one user of a Trial', () => {
  it('is the image’s or the environment’s, where nobody says another', () => {
    expect(found({ image: '1000' })).to.deep.equal({ user: 1000 });
    expect(found({ image: 'root', environment: '1000:100' })).to.deep.equal({ user: 1000, group: 100 });
    expect(found({ image: '1000680000:0' })).to.deep.equal({ user: 1_000_680_000, group: 0 });
    expect(found({ image: '7', agent: '7', verifier: '7', hook: '7' })).to.deep.equal({ user: 7 });
  });

  it('is nobody where one phase has another user', () => {
    expect(found({ image: '1000', agent: '1001' })).to.equal(undefined);
    expect(found({ image: '1000', verifier: '0' })).to.equal(undefined);
    expect(found({ image: '1000', hook: 'root' })).to.equal(undefined);
    expect(found({ image: '1000', agent: '1000:1' })).to.equal(undefined);
  });

  it('is never root, nor one that only the image knows by name', () => {
    for (const image of [
      '',
      '0',
      '0:0',
      '00',
      'root',
      'agent',
      '1000:staff',
      '2147483648',
      '1000:4294967295',
    ])
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

describe('the users of a Trial in a namespace that has its own', () => {
  const range = { first: 1000, last: 1009 };
  const assigned = (users: Users, draw = 0): AssignedUsers | undefined =>
    assignedUsers(specOf(users), range, draw);

  it('are two of them where nobody is named, whatever user the image has', () => {
    expect(assigned({})).to.deep.equal({ image: '1000:0', courier: 1001 });
    expect(assigned({}, 8)).to.deep.equal({ image: '1000:0', courier: 1009 });
    expect(assigned({}, 9)).to.deep.equal({ image: '1000:0', courier: 1001 });
  });

  it('are the one that is named, and another', () => {
    const named = { environment: '1005', agent: '1005' };
    for (let draw = 0; draw < 20; draw += 1)
      expect(assigned(named, draw)?.courier, String(draw)).to.be.within(1000, 1009).and.not.equal(1005);
  });

  it('are not looked for where another is named, more than one, or root is needed', () => {
    for (const users of [
      { environment: '999' },
      { environment: '1010' },
      { agent: 'agent' },
      { agent: '1001' },
      { verifier: 'root' },
      { escalates: true },
    ])
      expect(assigned(users), JSON.stringify(users)).to.equal(undefined);
    const installed = specOf({}, { name: 'custom', run: 'x', install: 'y' });
    expect(assignedUsers(installed, range, 0)).to.equal(undefined);
  });

  it('are not looked for in a range of one', () => {
    expect(assignedUsers(specOf({}), { first: 5, last: 5 }, 0)).to.equal(undefined);
  });
});
