import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { editCommand, performed, shellArguments, shellTool, simplestValue } from './commands.ts';
import type { ModelRequest, Tool } from './conversation.ts';

const tool = (name: string, properties: object, required: string[] = Object.keys(properties)): Tool => ({
  name,
  parameters: { type: 'object', properties, required },
});
const string = { type: 'string' };

/** Offers of real programs, as far as they matter here. */
const offers: Record<string, { tools: Tool[]; takes: object }> = {
  'claude-code': {
    tools: [
      tool('Agent', { description: string, prompt: string }),
      tool('BashOutput', { bash_id: string }),
      tool('Bash', { command: string, description: string, run_in_background: { type: 'boolean' } }, [
        'command',
      ]),
    ],
    takes: { command: 'ls', description: 'Next step of the script' },
  },
  'codex, unified': {
    tools: [
      tool('write_stdin', { session_id: { type: 'number' } }),
      tool('exec_command', { cmd: string, tty: {} }, ['cmd']),
    ],
    takes: { cmd: 'ls' },
  },
  'codex, classic': {
    tools: [tool('shell', { command: { type: 'array', items: string }, workdir: string }, ['command'])],
    takes: { command: ['bash', '-lc', 'ls'] },
  },
  'gemini-cli and qwen-code': {
    tools: [
      tool('read_background_output', { pid: { type: 'integer' } }),
      tool(
        'run_shell_command',
        { command: string, is_background: { type: 'boolean' }, description: string },
        ['command', 'is_background'],
      ),
    ],
    takes: { command: 'ls', is_background: false, description: 'Next step of the script' },
  },
  opencode: {
    tools: [tool('glob', { pattern: string }), tool('bash', { command: string, description: string })],
    takes: { command: 'ls', description: 'Next step of the script' },
  },
  kimi: {
    tools: [
      tool('ReadFile', { path: string }),
      tool('Shell', { command: string, timeout: { type: 'integer', minimum: 5 } }),
    ],
    takes: { command: 'ls', timeout: 5 },
  },
  'a strict schema': {
    tools: [tool('execute', { command: { type: ['null', 'array'] }, mode: { enum: ['sync', 'async'] } })],
    takes: { command: ['bash', '-lc', 'ls'], mode: 'sync' },
  },
};

const request = (tools: Tool[], prompt = ''): ModelRequest => ({
  model: 'm',
  stream: false,
  tools,
  past: [],
  prompt,
  reportsUsage: true,
});

describe('turns of a script as calls of tools', () => {
  for (const [agent, { tools, takes }] of Object.entries(offers)) {
    it(`calls the shell tool of ${agent}`, () => {
      const found = shellTool(tools);
      expect(found).to.equal(tools.at(-1));
      expect(shellArguments(found!, 'ls')).to.deep.equal(takes);
    });
  }

  it('finds no shell among tools that take no command', () => {
    expect(
      shellTool([tool('KillShell', { shell_id: string }), { name: 'bash', parameters: undefined }]),
    ).to.equal(undefined);
  });

  it('writes a file byte for byte', () => {
    const folder = mkdtempSync(join(tmpdir(), 'edit-'));
    for (const [path, text] of [
      ['plain.txt', 'solved\n'],
      ["it's/deep/er.txt", 'quotes \' and " and $HOME `x` \\n %s\n\n'],
      ['empty.txt', ''],
    ] as const) {
      execFileSync('sh', ['-c', editCommand({ path, text })], { cwd: folder });
      expect(readFileSync(join(folder, path), 'utf8')).to.equal(text);
    }
    rmSync(folder, { recursive: true });
  });

  it('gives each call of a turn an id that says which turn it belongs to', () => {
    const { calls } = performed(
      { shell: ['a', 'b'], call: { tool: 'other', arguments: {} } },
      request(offers['opencode']!.tools),
      3,
    );
    expect(calls.map(({ id, name }) => [id, name])).to.deep.equal([
      ['scripted_3_0', 'bash'],
      ['scripted_3_1', 'bash'],
      ['scripted_3_2', 'other'],
    ]);
  });

  const edit = { edit: { path: 'a.txt', text: 'solved\n' } };

  it('writes what an agent without tools asks for', () => {
    const inText = (prompt: string): string => performed(edit, request([], prompt), 0).text;
    expect(inText('Use *SEARCH/REPLACE* blocks.')).to.equal(
      'a.txt\n```\n<<<<<<< SEARCH\n=======\nsolved\n>>>>>>> REPLACE\n```',
    );
    expect(inText('To suggest changes you MUST return a *file listing*.')).to.equal(
      'a.txt\n```\nsolved\n```',
    );
    expect(inText('Answer in ```mswea_bash_command\n…```')).to.match(
      /^```mswea_bash_command\nprintf .*\n```$/s,
    );
    expect(inText('')).to.match(/^```bash\nprintf/);
  });

  it('ends a conversation the way mini-swe-agent wants it', () => {
    const prompt = 'Finish by `echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT`.';
    const { text, calls } = performed({ say: 'Done.' }, request(offers['opencode']!.tools, prompt), 1);
    expect(text).to.equal('Done.');
    expect(calls[0]?.arguments).to.include({ command: 'echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT' });
    expect(performed(edit, request(offers['opencode']!.tools, prompt), 0).calls).to.have.length(1);
  });

  it('fills in a schema with the simplest value', () => {
    const schema = {
      type: 'OBJECT',
      properties: {
        reasoning: { type: 'STRING' },
        next: { type: 'STRING', enum: ['user', 'model'] },
        count: { type: 'INTEGER' },
      },
      required: ['reasoning', 'next'],
    };
    expect(simplestValue(schema)).to.deep.equal({ reasoning: 'Scripted', next: 'user' });
  });
});
