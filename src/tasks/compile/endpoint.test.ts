import { expect } from 'chai';
import type { AgentFacts } from '../../crds/agents.ts';
import { compile } from './compile.ts';
import { modelFor } from './endpoint.ts';
import { podNetworkOf } from './network.ts';
import { storedSpec } from './refusals.ts';
import { parseTaskToml } from '../toml/parse.ts';

const FACTS: AgentFacts = {
  does: 'solves',
  reads: 'instruction.md',
  scripts: false,
  model: 'required',
  providers: ['anthropic', 'openai'],
  skills: false,
  mcp: false,
  mcpHeaders: false,
};
const KEY = { name: 'ANTHROPIC_API_KEY', secretKeyRef: { name: 'keys', key: 'anthropic' } };
type Own = Omit<Parameters<typeof modelFor>[0], 'name' | 'setupTimeoutSeconds' | 'env'>;

const made = (own: Own, env: Parameters<typeof modelFor>[0]['env'] = [KEY], over: Partial<AgentFacts> = {}) =>
  modelFor(
    { name: 'solver', setupTimeoutSeconds: 1, env, ...own },
    { modelPrices: [], facts: { ...FACTS, ...over } },
  );
const messages = (...input: Parameters<typeof made>): string[] =>
  made(...input).problems.map(({ message }) => message);

describe('the model of an agent', () => {
  it('is reached by the courier, at the provider that the model names', () => {
    expect(made({ model: 'openai/gpt-5', maxTokens: 5 }, [{ ...KEY, name: 'OPENAI_API_KEY' }])).to.deep.equal(
      {
        endpoint: {
          provider: 'openai',
          name: 'gpt-5',
          access: 'Proxy',
          baseUrl: 'https://api.openai.com/v1',
          key: 'OPENAI_API_KEY',
          maxTokens: 5,
        },
        hosts: [],
        notes: [],
        problems: [],
      },
    );
  });

  it('is of the agent’s first provider where it names none, and may be behind a gateway without a key', () => {
    const { endpoint, problems } = made({ model: 'claude-x', baseUrl: 'http://gateway:4000/team/' }, []);
    expect(endpoint).to.include({
      provider: 'anthropic',
      name: 'claude-x',
      baseUrl: 'http://gateway:4000/team',
    });
    expect(problems).to.deep.equal([]);
  });

  it('has to be named, with a provider that the agent knows', () => {
    expect(messages({})).to.deep.equal([
      'spec.agent.model is missing; the agent solver needs one, as <provider>/<model>, of anthropic, openai',
    ]);
    expect(messages({ model: 'gemini/gemini-2.5-pro' })).to.deep.equal([
      'spec.agent.model is "gemini/gemini-2.5-pro"; the agent solver expects <provider>/<model>, of anthropic, openai',
    ]);
    expect(made({}, [], { model: 'optional' })).to.deep.equal({ hosts: [], notes: [], problems: [] });
  });

  it('needs its key among the agent’s variables', () => {
    expect(messages({ model: 'claude-x' }, [])).to.deep.equal([
      'the agent’s variable ANTHROPIC_API_KEY is missing, which has the key of its model: give it by sb cloud run --ae ANTHROPIC_API_KEY=…, or in spec.agent.env by a secretKeyRef',
    ]);
    expect(made({ model: 'claude-x' }, [{ name: 'ANTHROPIC_API_KEY', value: 'open' }]).notes).to.deep.equal([
      'the value of ANTHROPIC_API_KEY stands in the Trial, where everyone who may read the Trial can read it: put it into a Secret and name that by secretKeyRef',
    ]);
  });

  it('has a limit of cost where its price is known', () => {
    expect(messages({ model: 'claude-sonnet-4-5', maxCostUsd: 1 })).to.deep.equal([]);
    expect(messages({ model: 'claude-next', maxCostUsd: 1 })).to.deep.equal([
      'spec.agent.maxCostUsd needs the price of claude-next, which is not known: use maxTokens, or have the installation name the price in SB_MODEL_PRICES',
    ]);
    const agent = { name: 'solver', setupTimeoutSeconds: 1, env: [KEY], model: 'claude-next', maxCostUsd: 1 };
    const own = [{ model: 'claude-n*', input: 1, cached: 1, output: 1 }];
    expect(modelFor(agent, { facts: FACTS, modelPrices: own }).problems).to.deep.equal([]);
    // Nobody knows it who does not know the installation.
    expect(modelFor(agent, { facts: FACTS }).problems).to.deep.equal([]);
  });

  it('is nowhere where the host is none', () => {
    for (const baseUrl of ['http://[zz]/', 'http://a:99999', 'https://a_b', 'http://127.1', 'http://%31'])
      expect(messages({ model: 'claude-x', baseUrl }).join(), baseUrl).to.match(
        /^$|^the host of spec.agent.baseUrl is "/,
      );
    expect(messages({ model: 'claude-x', baseUrl: 'http://[zz]/' })).to.have.length(1);
  });

  it('is on the list of the agent’s phase where the agent calls it by itself, and then has no limits', () => {
    expect(made({ model: 'claude-x', modelAccess: 'Direct' }).hosts).to.deep.equal(['api.anthropic.com']);
    expect(
      made({ model: 'claude-x', modelAccess: 'Direct', baseUrl: 'https://[2001:db8::1]:8443/v1' }).problems,
    ).to.deep.equal([]);
    expect(messages({ model: 'claude-x', modelAccess: 'Direct', maxTokens: 1 })).to.deep.equal([
      'spec.agent.maxTokens can be kept to only where the courier calls the model: set spec.agent.model with its provider, and modelAccess: Proxy',
    ]);
  });
});

describe('the model of a custom agent', () => {
  const files = ['environment/Dockerfile', 'instruction.md', 'tests/test.sh'].map((path) => ({ path }));
  const compiled = (agent: object, toml = '') =>
    compile(
      storedSpec({
        task: { name: 'org/hello', s3: { uri: 's3://b/tasks/x' } },
        agent: { name: 'custom', run: 'x', env: [KEY], ...agent },
      }),
      {
        config: parseTaskToml(toml),
        files,
        context: { uri: 's3://b/tasks/x/context.zip', sha256: 'a'.repeat(64) },
      },
    );

  it('is its own affair, unless it asks for a way to it', () => {
    const { steps, problems } = compiled({ model: 'whatever' });
    expect(problems).to.deep.equal([]);
    expect(steps[0].agent.endpoint).to.equal(undefined);
  });

  it('may be of any provider, which it has to name', () => {
    const { steps } = compiled({ model: 'anthropic/claude-x', modelAccess: 'Proxy' });
    expect(steps[0].agent.endpoint).to.include({ provider: 'anthropic', name: 'claude-x', access: 'Proxy' });
    for (const model of [undefined, 'claude-x', 'nobody/claude-x'])
      expect(
        compiled({ ...(model && { model }), modelAccess: 'Proxy' }).problems[0]?.message,
        model,
      ).to.match(/expects <provider>|needs one, as <provider>/);
    expect(compiled({ model: 'claude-x', maxTokens: 1 }).problems[0]?.message).to.match(
      /modelAccess: Proxy$/,
    );
  });

  it('opens the agent’s phase alone, for that host alone', () => {
    const none = '[environment]\nnetwork_mode = "no-network"\n[[steps]]\nname = "a"\n[[steps]]\nname = "b"\n';
    const steps = (access: string) =>
      compiled({ model: 'anthropic/claude-x', modelAccess: access }, none).steps.map(
        ({ networks }) => networks,
      );
    const closed = { mode: 'None', hosts: [] };
    const open = { mode: 'Allowlist', hosts: ['api.anthropic.com'] };
    expect(steps('Proxy').map(({ agent }) => agent)).to.deep.equal([closed, closed]);
    expect(steps('Direct')).to.deep.equal(
      ['a', 'b'].map(() => ({ environment: closed, agent: open, verifier: closed })),
    );
    const list = compiled(
      { model: 'anthropic/claude-x', modelAccess: 'Direct' },
      '[agent]\nnetwork_mode = "allowlist"\nallowed_hosts = ["pypi.org"]',
    );
    expect(list.steps[0].networks.agent.hosts).to.deep.equal(['pypi.org', 'api.anthropic.com']);
    const everything = compiled({ model: 'anthropic/claude-x', modelAccess: 'Direct' });
    expect(podNetworkOf(everything.steps)).to.equal('public');
  });
});
