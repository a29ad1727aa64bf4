import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentTable, withAgents } from './agents-page.ts';

describe('docs/agents.md', () => {
  it('has the tables of agents, providers and failures; otherwise run npm run generate', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/agents.md'), 'utf8');
    const cells = (text: string): string => text.replace(/ +/g, ' ').replace(/-{3,}/g, '---');
    expect(cells(withAgents(page))).to.equal(cells(page));
  });

  it('says of an agent where its program comes from, and what it takes', () => {
    const facts = {
      does: 'solves it',
      reads: 'instruction.md',
      scripts: false,
      model: 'required',
      providers: ['anthropic'],
      program: { registry: 'npm', package: '@acme/solver', version: '2.1.0' },
      skills: true,
      mcp: true,
      mcpHeaders: false,
    } as const;
    expect(agentTable({ solver: facts }).split('\n')[2]).to.equal(
      '| `solver` | solves it | npm `@acme/solver` 2.1.0 | anthropic (required) | skills, MCP servers without headers |',
    );
  });
});
