import { expect } from 'chai';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { McpServer } from '../../crds/agent-facts.ts';
import { AGENTS } from '../../crds/agent-table.ts';
import { PROVIDERS } from '../../crds/providers.ts';
import { PROGRAM_FOLDER, type Agent, type AgentGiven } from '../agent.ts';
import { bashOrSh } from '../run.ts';
import { agent as claudeCode } from './claude-code.ts';
import { agent as codex } from './codex.ts';
import { agent as geminiCli } from './gemini-cli.ts';
import { agent as qwenCode } from './qwen-code.ts';

const PROGRAMS = {
  'claude-code': { agent: claudeCode, web: /WebSearch,WebFetch/ },
  codex: { agent: codex, web: /web_search = "disabled"/ },
  'gemini-cli': { agent: geminiCli, web: /"google_web_search","web_fetch"/ },
  'qwen-code': { agent: qwenCode, web: /"web_fetch","web_search"/ },
} satisfies Partial<Record<keyof typeof AGENTS, { agent: Agent; web: RegExp }>>;

const SERVERS: McpServer[] = [
  { name: 'local', transport: 'stdio', command: '/usr/bin/tool', args: ['--serve', 'a b'] },
  {
    name: 'remote',
    transport: 'streamable-http',
    url: 'http://mcp:1/mcp',
    headers: { Authorization: 'Bearer ${TOKEN}', 'X-Odd': 'a"b`c$d\\e' },
  },
  { name: 'old', transport: 'sse', url: 'http://mcp:1/sse', headers: {} },
];

for (const [name, { agent, web }] of Object.entries(PROGRAMS)) {
  const [provider] = AGENTS[name as keyof typeof PROGRAMS].providers;
  const { key } = PROVIDERS[provider];
  const given: AgentGiven = {
    instruction: '/sb/agent/instruction.md',
    solution: '/solution',
    folder: '/sb/agent',
    solve: '',
    model: `${provider}/the-model`,
    endpoint: { provider, name: 'the-model', baseUrl: 'http://127.0.0.1:1234/v9', key },
    webTools: false,
  };
  /** All that is said of a run: the script, its variables, the files. */
  const said = (more: Partial<AgentGiven> = {}): { text: string; all: string } => {
    const run = agent.run?.({ ...given, ...more });
    const files = agent.files?.({ ...given, ...more }) ?? {};
    const all = [
      run?.text,
      ...Object.entries(run?.env ?? {}).map((one) => one.join('=')),
      ...Object.values(files),
    ];
    return { text: run?.text ?? '', all: all.join('\n') };
  };

  describe(`the run of ${name}`, () => {
    it('is a script for any shell, of a program by its full path, which reads the instruction', () => {
      const { text } = said({ mcpServers: SERVERS, skills: '/skills' });
      execFileSync('sh', ['-n'], { input: text });
      expect(text).to.not.match(/^#!/);
      expect(text).to.match(new RegExp(`^exec ${PROGRAM_FOLDER}/bin/.* < /sb/agent/instruction.md$`, 'm'));
      expect(text).to.not.match(/PATH=(?!"\$PATH:)/);
    });

    it('has the model and where it answers, and the key by its name alone', () => {
      const { all } = said();
      expect(all).to.match(/(["=])the-model(["\n]|$)/);
      expect(all).to.include('http://127.0.0.1:1234/v9');
      expect(all).to.not.include(`${key}=`);
    });

    it('has the agent’s own web tools where its phase has all of the network, and nowhere else', () => {
      expect(said().all).to.match(web);
      expect(said({ webTools: true }).all).to.not.match(web);
    });

    it('has the task’s MCP servers and skills', () => {
      expect(said().all).to.not.match(/SB_SKILLS_DIR|mcp_?servers/i);
      const { all } = said({ mcpServers: SERVERS, skills: '/the skills' });
      for (const word of [
        '/usr/bin/tool',
        'http://mcp:1/mcp',
        'http://mcp:1/sse',
        '${TOKEN}',
        'SB_SKILLS_DIR=/the skills',
      ])
        expect(all).to.include(word);
    });

    it('gives a user without a home one', () => {
      const [folder, home] = said().text.split('\n');
      expect(folder).to.match(/^mkdir -p \/logs\/agent\/[a-z-]+ \|\| exit$/);
      const told = (env: Record<string, string>): string =>
        execFileSync('sh', ['-c', `${home}\necho "$HOME"`], { env })
          .toString()
          .trim();
      expect(told({})).to.equal(`/logs/agent/${name}`);
      expect(told({ HOME: '/nowhere' })).to.equal(`/logs/agent/${name}`);
      expect(told({ HOME: '/tmp' })).to.equal('/tmp');
    });
  });
}

describe('headers of MCP servers for codex', () => {
  it('are whole values in variables that its script makes, with the agent’s variables filled in and nothing else', () => {
    const { text } = codex.run!({
      instruction: '/i',
      solution: '/s',
      folder: '/f',
      solve: '',
      webTools: false,
      mcpServers: SERVERS,
    });
    const exports = text.split('\n').filter((line) => line.startsWith('export SB_MCP'));
    const shell = [...exports, 'printf "%s\\n" "$SB_MCP_HEADER_1_0" "$SB_MCP_HEADER_1_1"'].join('\n');
    const values = execFileSync('sh', ['-c', shell], { env: { TOKEN: '$(id)"x' } }).toString();
    expect(values).to.equal('Bearer $(id)"x\na"b`c$d\\e\n');
  });
});

describe('a program that runs commands by bash alone', () => {
  it('has sh in its place where the image has no bash, behind all that the image has', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sb-bash-'));
    for (const name of ['sh', 'mkdir', 'cat', 'chmod']) symlinkSync(`/bin/${name}`, join(folder, name));
    const text = bashOrSh('x').join('\n').replaceAll('/logs/agent/x', join(folder, 'own'));
    const command = 'shopt -u promptvars; echo "$0 $1"; exit 3';
    const ran = spawnSync('/bin/sh', ['-c', `${text}\necho "$PATH"; bash -c '${command}' a b`], {
      env: { PATH: folder },
    });
    expect(ran.stderr.toString()).to.equal('');
    expect(ran.stdout.toString()).to.equal(`${folder}:${folder}/own/bin\na b\n`);
    expect(ran.status).to.equal(3);
    rmSync(folder, { recursive: true });
  });
});
