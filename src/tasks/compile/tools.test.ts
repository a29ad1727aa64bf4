import { expect } from 'chai';
import { AGENTS, type AgentFacts } from '../../crds/agents.ts';
import { parseTaskToml } from '../toml/parse.ts';
import { headerVariables, toolsFor } from './tools.ts';

const TOML = `
[environment]
skills_dir = "/skills"
[[environment.mcp_servers]]
name = "files"
transport = "stdio"
command = "mcp-files"
args = ["--root", "/app"]
[[environment.mcp_servers]]
name = "search"
transport = "http"
url = "https://search.example/mcp"
[environment.mcp_servers.headers]
Authorization = "Bearer \${TOKEN}"
X-Trace = "on-\${TRACE:-off}"
`;
const environmentOf = (toml: string) => parseTaskToml(toml).environment;
const tools = (facts: Partial<AgentFacts> = {}, variables = ['TOKEN'], toml = TOML) =>
  toolsFor(environmentOf(toml), {
    agent: 'someone',
    facts: { ...AGENTS.custom, ...facts },
    variables: new Set(variables),
  });
const messages = (...input: Parameters<typeof tools>) =>
  tools(...input).problems.map(({ message }) => message);

describe('skills and MCP servers', () => {
  it('are given to an agent that takes them, with headers that name its variables', () => {
    expect(tools()).to.deep.equal({
      given: {
        skillsDir: '/skills',
        mcpServers: [
          { name: 'files', transport: 'stdio', command: 'mcp-files', args: ['--root', '/app'] },
          {
            name: 'search',
            transport: 'streamable-http',
            url: 'https://search.example/mcp',
            headers: { Authorization: 'Bearer ${TOKEN}', 'X-Trace': 'on-off' },
          },
        ],
      },
      problems: [],
    });
    const [, search] = tools({}, ['TOKEN', 'TRACE']).given.mcpServers ?? [];
    expect(search).to.have.nested.property('headers.X-Trace', 'on-${TRACE}');
  });

  it('are ignored by those who do not work from the instruction', () => {
    for (const agent of ['oracle', 'nop'] as const)
      expect(toolsFor(environmentOf(TOML), { agent, variables: new Set() })).to.deep.equal({
        given: {},
        problems: [],
      });
  });

  it('are refused by the field for an agent that cannot take them', () => {
    expect(messages({ skills: false, mcp: false, mcpHeaders: false })).to.deep.equal([
      'environment.skills_dir: the agent someone takes no skills; choose another one',
      'environment.mcp_servers: the agent someone takes no MCP servers; choose another one',
    ]);
    expect(messages({ mcpHeaders: false })).to.deep.equal([
      'environment.mcp_servers[1].headers: the agent someone sends no headers to MCP servers; choose another one',
    ]);
  });

  it('want the variables of their headers', () => {
    const { problems } = tools({}, []);
    expect(problems).to.deep.equal([
      {
        reason: 'TaskInvalid',
        field: 'environment.mcp_servers[1].headers.Authorization',
        message:
          'environment.mcp_servers[1].headers.Authorization needs the variable TOKEN: set TOKEN in agent.env of the Trial',
        variable: 'TOKEN',
      },
    ]);
  });

  it('of one name are the last', () => {
    const twice =
      '[[environment.mcp_servers]]\nname = "a"\nurl = "u:1"\n[[environment.mcp_servers]]\nname = "a"\nurl = "u:2"';
    expect(tools({}, [], twice).given.mcpServers).to.deep.equal([
      { name: 'a', transport: 'sse', url: 'u:2', headers: {} },
    ]);
  });

  it('ask for what the task does not set itself', () => {
    const own = environmentOf(`${TOML}[environment.env]\nTRACE = "1"`);
    expect(headerVariables(own, 'custom')).to.deep.equal({ TOKEN: '${TOKEN}' });
    expect(headerVariables(own, 'oracle')).to.deep.equal({});
  });
});
