import { expect } from 'chai';
import { kubectl } from '../support/cluster.ts';
import { operatorIsWell } from './support/faults.ts';
import { breaches } from './support/hooks.ts';
import { isTerminal } from './support/story.ts';
import { world } from './support/world.ts';

describe('what always holds', () => {
  it('every attempt had one Job, every end was final, no reward changed, and nothing large was written', () => {
    expect(breaches()).to.deep.equal([]);
  });

  it('every Trial of the run has reached a terminal condition', () => {
    const open = world()
      .trials.list()
      .filter(({ metadata }) => world().isOurs(metadata.namespace ?? ''))
      .filter((trial) => !isTerminal(trial))
      .map(({ metadata }) => metadata.name);
    expect(open).to.deep.equal([]);
  });

  it('the operator may not reach into any Pod through the API server', async () => {
    const identity = '--as=system:serviceaccount:sb-system:sb-operator';
    const asked = ['exec', 'attach', 'portforward', 'proxy', 'ephemeralcontainers'].map(
      async (subresource) => {
        const { stdout } = await kubectl(['auth', 'can-i', 'create', `pods/${subresource}`, '-A', identity]);
        return stdout.trim();
      },
    );
    expect(new Set(await Promise.all(asked))).to.deep.equal(new Set(['no']));
  });

  it('the operator is well', () => operatorIsWell());
});
