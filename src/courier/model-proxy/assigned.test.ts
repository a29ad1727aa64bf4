import { expect } from 'chai';
import { anAssignment, aStep } from '../../../test/support/trial-assignment.ts';
import type { AssignedEndpoint } from '../../wire/assignment.ts';
import { proxiedEndpoint, throughProxy } from './assigned.ts';

const endpoint: AssignedEndpoint = {
  provider: 'openai',
  name: 'gpt-5',
  access: 'Proxy',
  baseUrl: 'https://gateway/team',
  key: 'OPENAI_API_KEY',
  prices: [],
};
const step = aStep({
  agent: {
    ...aStep().agent,
    name: 'custom',
    endpoint,
    env: [
      { name: 'OPENAI_API_KEY', courierVariable: 'SB_SECRET_1' },
      { name: 'MINE', value: '1' },
    ],
  },
});

describe('an agent whose model the courier calls', () => {
  const assignment = anAssignment({ steps: [step, step] });

  it('has the proxy for a base URL, and a token in place of the key, in all steps', () => {
    const { steps } = throughProxy(assignment, { port: 7, token: 't' });
    for (const { agent } of steps) {
      expect(agent.endpoint?.baseUrl).to.equal('http://127.0.0.1:7/v1');
      expect(agent.env).to.deep.equal([
        { name: 'MINE', value: '1' },
        { name: 'OPENAI_API_KEY', value: 't' },
        { name: 'SB_MODEL_KEY', value: 't' },
      ]);
    }
  });

  it('is one that asks for it, and is there', () => {
    expect(proxiedEndpoint(assignment)).to.equal(endpoint);
    const direct = aStep({ agent: { ...step.agent, endpoint: { ...endpoint, access: 'Direct' } } });
    expect(proxiedEndpoint({ steps: [direct] })).to.equal(undefined);
    expect(proxiedEndpoint(anAssignment())).to.equal(undefined);
    const regrade = { trial: 'x', manifestSha256: '', collected: 1, shared: false };
    expect(proxiedEndpoint({ ...assignment, regrade })).to.equal(undefined);
  });
});
