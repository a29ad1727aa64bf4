/** The tables in `docs/agents.md`. Pure. */
import { AGENT_FAILURES } from '../crds/agent-failures.ts';
import { AGENTS, type AgentFacts } from '../crds/agents.ts';
import { PROVIDERS } from '../crds/providers.ts';
import { between } from './in-page.ts';

const AGENT_MARKS = [
  '<!-- src/agents/known: this table is generated -->',
  '<!-- end of the agents -->',
] as const;
const PROVIDER_MARKS = [
  '<!-- src/crds/providers.ts: this table is generated -->',
  '<!-- end of the providers -->',
] as const;
const FAILURE_MARKS = [
  '<!-- src/crds/agent-failures.ts: this table is generated -->',
  '<!-- end of the failures -->',
] as const;

/** The page with the tables as agents, providers and failures are now. Throws where the page has no place for one. */
export const withAgents = (page: string): string =>
  [
    [AGENT_MARKS, agentTable(AGENTS)] as const,
    [PROVIDER_MARKS, providerTable()] as const,
    [FAILURE_MARKS, failureTable()] as const,
  ].reduce((text, [marks, table]) => between(text, marks, table), page);

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');

/** One row an agent. */
export const agentTable = (agents: Readonly<Record<string, AgentFacts>>): string =>
  table(
    ['agent', 'what it does', 'program', 'model', 'takes'],
    Object.entries(agents).map(([name, facts]) => [
      `\`${name}\``,
      facts.does,
      programOf(facts),
      modelsOf(facts),
      takenBy(facts),
    ]),
  );

const programOf = ({ program }: AgentFacts): string =>
  program ? `${program.registry} \`${program.package}\` ${program.version}` : '';

function modelsOf({ model, providers }: AgentFacts): string {
  if (model === 'none') return '';
  const whose = providers.length === 0 ? 'any' : providers.join(', ');
  return model === 'required' ? `${whose} (required)` : whose;
}

const takenBy = ({ scripts, skills, mcp, mcpHeaders }: AgentFacts): string =>
  [
    scripts && 'your scripts',
    skills && 'skills',
    mcp && (mcpHeaders ? 'MCP servers' : 'MCP servers without headers'),
  ]
    .filter(Boolean)
    .join(', ');

const providerTable = (): string =>
  table(
    ['provider', 'variable of its key', 'answers at'],
    Object.entries(PROVIDERS).map(([name, { key, baseUrl }]) => [`\`${name}/…\``, `\`${key}\``, baseUrl]),
  );

const failureTable = (): string =>
  table(
    ['exception', 'whose doing', 'what it means'],
    Object.entries(AGENT_FAILURES).map(([type, { fault, means }]) => [`\`${type}\``, fault, means]),
  );
