import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import type { McpServer } from '../../crds/agent-facts.ts';
import { PROVIDERS, type ProviderName } from '../../crds/providers.ts';
import { PROGRAM_FOLDER, type Agent, type AgentGiven } from '../agent.ts';
import * as aider from './aider.ts';
import * as kimiCode from './kimi-code.ts';
import * as miniSweAgent from './mini-swe-agent.ts';
import * as opencode from './opencode.ts';
import * as pi from './pi.ts';

/** Those that know several providers. `web`: what says that tools that reach the web are off, of those that have such. */
const AGENTS = {
  aider: { ...aider, web: /--no-detect-urls/ },
  'kimi-code': { ...kimiCode, web: /disabled = \["FetchURL", "WebSearch"\]/ },
  'mini-swe-agent': { ...miniSweAgent, web: undefined },
  opencode: { ...opencode, web: /"webfetch":"deny","websearch":"deny"/ },
  pi: { ...pi, web: undefined },
};

const SERVERS: McpServer[] = [
  { name: 'local', transport: 'stdio', command: '/usr/bin/tool', args: ['--serve', 'a b'] },
  {
    name: 'remote',
    transport: 'streamable-http',
    url: 'http://mcp:1/mcp',
    headers: { Authorization: 'Bearer ${TOKEN}' },
  },
  { name: 'old', transport: 'sse', url: 'http://mcp:1/sse', headers: {} },
];

const givenFor = (provider: ProviderName): AgentGiven => ({
  instruction: '/sb/agent/instruction.md',
  solution: '/solution',
  folder: '/sb/agent',
  solve: '',
  endpoint: {
    provider,
    name: 'the/model',
    baseUrl: 'http://127.0.0.1:1234/v9',
    key: PROVIDERS[provider].key,
  },
  webTools: false,
});

/** All that is said of a run: the script, its variables, the files. */
function saidOf({ run, files }: Agent, given: AgentGiven): string {
  const script = run?.(given);
  const variables = Object.entries(script?.env ?? {}).map((one) => one.join('='));
  return [script?.text, ...variables, ...Object.values(files?.(given) ?? {})].join('\n');
}

for (const [name, { agent, facts, web }] of Object.entries(AGENTS))
  describe(`the run of ${name}`, () => {
    const [provider = 'openai'] = facts.providers;
    const given = givenFor(provider);
    const said = (more: Partial<AgentGiven> = {}): string => saidOf(agent, { ...given, ...more });

    it('is a script for any shell, of a program by its full path, which reads the instruction', () => {
      const { text = '' } = agent.run?.({ ...given, mcpServers: SERVERS, skills: '/skills' }) ?? {};
      execFileSync('sh', ['-n'], { input: text });
      expect(text).to.not.match(/^#!/);
      expect(text).to.match(new RegExp(`^(exec )?${PROGRAM_FOLDER}/bin/.*/sb/agent/instruction\\.md`, 'm'));
      expect(text).to.not.match(/PATH=/);
    });

    it('has the model and where it answers, and the key by its name alone', () => {
      for (const one of facts.providers) {
        const all = saidOf(agent, givenFor(one));
        expect(all).to.match(/(["=/])the\/model(["\n]|$)/);
        expect(all).to.include('http://127.0.0.1:1234/v9');
        expect(all).to.not.include(`${PROVIDERS[one].key}=`);
      }
    });

    it('asks the provider itself where nothing else is said', () => {
      const { provider: one, key } = givenFor(provider).endpoint ?? { provider, key: '' };
      expect(said({ endpoint: { provider: one, key, name: 'm' } })).to.include(PROVIDERS[provider].baseUrl);
    });

    if (web)
      it('reaches the web by tools of its own where its phase has all of the network, and nowhere else', () => {
        expect(said()).to.match(web);
        expect(said({ webTools: true })).to.not.match(web);
      });

    it('has the task’s skills and MCP servers, if it takes them', () => {
      const all = said({ mcpServers: SERVERS, skills: '/the-skills' });
      expect(all.includes('/the-skills')).to.equal(facts.skills);
      expect(all.includes('/usr/bin/tool') && all.includes('http://mcp:1/sse')).to.equal(facts.mcp);
      expect(/Authorization.*\bTOKEN\b/.test(all)).to.equal(facts.mcpHeaders);
    });
  });

describe('an MCP server’s header for OpenCode', () => {
  it('names the variable as OpenCode does', () => {
    const all = saidOf(opencode.agent, { ...givenFor('openai'), mcpServers: SERVERS });
    expect(all).to.include('"Authorization":"Bearer {env:TOKEN}"');
  });
});
