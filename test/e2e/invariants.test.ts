import { expect } from 'chai';
import { operatorIsWell } from './support/faults.ts';
import { breaches } from './support/hooks.ts';
import { isTerminal } from './support/story.ts';
import { world } from './support/world.ts';

describe('what always holds', () => {
  it('every attempt had one Job, every end was final, and no reward changed', () => {
    expect(breaches()).to.deep.equal([]);
  });

  it('every Trial of the run has reached a terminal condition', () => {
    const open = world()
      .trials.list()
      .filter(({ metadata }) => world().namespaces.includes(metadata.namespace ?? ''))
      .filter((trial) => !isTerminal(trial))
      .map(({ metadata }) => metadata.name);
    expect(open).to.deep.equal([]);
  });

  it('the operator is well', () => operatorIsWell());
});
