import { expect } from 'chai';
import type { AgentFacts } from '../../../crds/agents.ts';
import { CliError } from '../../failures/error.ts';
import { checkAgents, expectReady, type CheckOptions } from './check.ts';
import { aTaskBuild } from '../../../../test/support/builders/objects.ts';
import { LABEL } from '../../../crds/names.ts';
import { programsOf } from './programs.ts';
import { agentRows, agentShown } from './shown.ts';

const FACTS: AgentFacts = {
  does: 'solves it',
  reads: 'instruction.md',
  scripts: false,
  model: 'required',
  providers: ['anthropic', 'openai'],
  program: { registry: 'npm', package: '@acme/solver', version: '2.1.0' },
  skills: true,
  mcp: true,
  mcpHeaders: false,
};

const KEY = 'ANTHROPIC_API_KEY';

describe('What an agent needs', () => {
  const check = (over: Partial<CheckOptions> = {}, facts: Partial<AgentFacts> = {}) => {
    const [one] = checkAgents({
      contenders: [{ agent: { name: 'solver' }, model: 'anthropic/large' }],
      options: {},
      envFile: {},
      environment: {},
      allowed: [],
      factsOf: () => ({ ...FACTS, ...facts }),
      ...over,
    });
    if (!one) return expect.fail('nothing was checked');
    const needs = Object.fromEntries(one.needs.map(({ need, state, says }) => [need, [state, says]]));
    return { ...one, needs };
  };

  it('is a model of a provider that it knows', () => {
    const agent = { name: 'solver' };
    expect(check({ contenders: [{ agent }] }).needs['model']).to.deep.equal(['missing', 'no model is named']);
    expect(check({ contenders: [{ agent }] }, { model: 'optional' }).needs['model']?.[0]).to.equal('there');
    expect(check({ contenders: [{ agent, model: 'gemini/x' }] }).needs['model']).to.deep.equal([
      'missing',
      'gemini/x is of no provider that it knows: anthropic, openai',
    ]);
    expect(check({ contenders: [{ agent, model: 'openai/x' }] }).needs['key']).to.deep.equal([
      'missing',
      'OPENAI_API_KEY is not set',
    ]);
  });

  it('is a key, wherever it comes from, and its value is not told', () => {
    const keyOf = (over: Partial<CheckOptions>): string => {
      const checked = check(over);
      expect(JSON.stringify(checked)).to.not.include('hush');
      return (checked.needs['key'] ?? []).join(': ');
    };
    const contenders = [{ agent: { name: 'solver', env: { [KEY]: '${MINE}' } }, model: 'large' }];
    expect(keyOf({ environment: { [KEY]: 'hush' } })).to.include('from this shell, after asking');
    expect(keyOf({ environment: { [KEY]: 'hush' }, allowed: [KEY] })).to.match(/from this shell$/);
    expect(keyOf({ envFile: { [KEY]: 'hush' } })).to.match(/^there: .* from --env-file$/);
    expect(keyOf({ options: { agentEnv: { [KEY]: 'hush' } } })).to.include('from --ae or agentEnv');
    expect(keyOf({ contenders, environment: { MINE: 'hush' } })).to.include(
      'from the agent’s own env, by MINE',
    );
    expect(keyOf({ contenders, environment: { [KEY]: 'hush' } })).to.equal(
      `missing: ${KEY} is to be MINE, which is not set`,
    );
    expect(keyOf({ environment: { [KEY]: ' ' } })).to.equal(`missing: ${KEY} is empty`);
  });

  it('may be no key behind a gateway, which is where its model answers then', () => {
    const agent = { name: 'solver', baseUrl: 'http://gate:4000' };
    const { ok, needs } = check({ contenders: [{ agent, model: 'large' }] });
    expect([ok, needs['key']?.[0]]).to.deep.equal([true, 'unknown']);
    expect(needs['endpoint']?.[1]).to.include('http://gate:4000').and.include('(Proxy)');
  });

  it('is a price, which the installation may know where this side does not', () => {
    const priceFor = (model: string, maxCost?: number) => {
      const agent = { name: 'solver', ...(maxCost && { maxCost }) };
      return check({ contenders: [{ agent, model }], environment: { [KEY]: 'hush' } });
    };
    expect(priceFor('anthropic/claude-sonnet-4-5').needs['price']).to.deep.equal(['there', 'known']);
    expect(priceFor('large').needs['price']?.[0]).to.equal('unknown');
    expect(priceFor('large', 1).needs['price']?.[1]).to.include('maxCost needs it');
    expect(priceFor('large', 1).ok).to.equal(true);
  });

  it('is a program, which the operator may have built already in the version that it knows', () => {
    const build = (name: string, status: 'True' | 'False', over: object = {}) => ({
      ...aTaskBuild({
        status: {
          conditions: [{ type: 'Succeeded', status, reason: 'Built', message: '', lastTransitionTime: '' }],
        },
      }),
      metadata: {
        name,
        labels: { [LABEL.agent]: 'solver', ...over },
        creationTimestamp: `2026-01-0${name}T00:00:00Z`,
      },
    });
    const programs = programsOf([
      build('2', 'True'),
      build('1', 'False'),
      build('3', 'False', { [LABEL.askedBy]: 'a' }),
    ]);
    const says = (version?: string): string | undefined =>
      check({
        contenders: [
          { agent: { name: 'solver', ...(version !== undefined && { version }) }, model: 'large' },
        ],
        programs,
      }).needs['program']?.[1];
    expect(says()).to.equal('npm @acme/solver 2.1.0; its image is built');
    expect(says('1.0')).to.equal('npm @acme/solver 1.0; the operator brings it');
    expect(programsOf([build('1', 'False')]).get('solver')).to.equal('its build failed: Built');
  });

  it('is nothing for an agent without a model, and all that is missing is in one error', () => {
    const none = { model: 'none', providers: [] } as const;
    const { program: _, ...plain } = FACTS;
    const facts = (name: string): AgentFacts => (name === 'solver' ? FACTS : { ...plain, ...none });
    const options = { options: {}, envFile: {}, environment: {}, allowed: [], factsOf: facts };
    const nop = { agent: { name: 'nop' } };
    expect(checkAgents({ ...options, contenders: [nop] })[0]).to.include({ ok: true });
    expect(() => expectReady({ ...options, contenders: [nop] })).to.not.throw();
    const agent = { name: 'solver' };
    try {
      expectReady({ ...options, contenders: [nop, { agent }, { agent, model: 'a' }, { agent, model: 'b' }] });
      expect.fail('it was ready');
    } catch (error) {
      const { code, why, fix } = error as CliError;
      expect(code).to.equal('SB-E042');
      expect(why.split('\n')).to.deep.equal([
        'solver: no model is named',
        `solver a: ${KEY} is not set`,
        `solver b: ${KEY} is not set`,
      ]);
      expect(fix.split('\n')).to.have.length(2);
    }
  });
});

describe('What is known of agents', () => {
  it('is a row each, and more of one', () => {
    expect(agentRows({ solver: FACTS })[0]).to.deep.include({
      agent: 'solver',
      version: '2.1.0',
      program: 'npm @acme/solver',
      keys: [KEY, 'OPENAI_API_KEY'],
    });
    expect(agentShown('solver', { solver: FACTS })).to.include({
      model_access: 'Proxy',
      example: `sb cloud run -t <tasks> -a solver -m anthropic/<model> --ae ${KEY}`,
    });
    expect(() => agentShown('none', { solver: FACTS })).to.throw(CliError, 'there is no such agent');
  });
});
