/** Pure: what is known of agents, as documents. */
import { accessOf } from '../../../crds/agent-model.ts';
import { AGENTS, type AgentFacts } from '../../../crds/agents.ts';
import { PROVIDERS } from '../../../crds/providers.ts';
import type { AgentRow, AgentShown } from '../../documents/agent.ts';
import { CliError } from '../../failures/error.ts';

export type AgentTable = Readonly<Record<string, AgentFacts>>;

export const agentRows = (table: AgentTable = AGENTS): AgentRow[] =>
  Object.entries(table).map(([name, facts]) => rowOf(name, facts));

function rowOf(agent: string, { does, program, model, providers }: AgentFacts): AgentRow {
  return {
    agent,
    does,
    version: program?.version ?? null,
    program: program ? `${program.registry} ${program.package}` : null,
    model,
    providers: providers.map((provider) => ({
      provider,
      key: PROVIDERS[provider].key,
      base_url: PROVIDERS[provider].baseUrl,
    })),
    keys: providers.map((provider) => PROVIDERS[provider].key),
  };
}

/** Throws CliError SB-E037 where there is no such agent. */
export function agentShown(name: string, table: AgentTable = AGENTS): AgentShown {
  const facts = Object.hasOwn(table, name) ? table[name] : undefined;
  if (!facts)
    throw new CliError('SB-E037', {
      what: `cannot show the agent ${name}`,
      why: 'there is no such agent',
      fix: `choose one of ${Object.keys(table).join(', ')}`,
    });
  const { reads, scripts, skills, mcp, mcpHeaders } = facts;
  return {
    ...rowOf(name, facts),
    reads: reads === 'nothing' ? 'nothing' : reads,
    scripts,
    skills,
    mcp,
    mcp_headers: mcpHeaders,
    model_access: facts.model === 'none' ? 'None' : accessOf({}, facts),
    example: exampleOf(name, facts),
  };
}

function exampleOf(name: string, { scripts, model, providers: [provider] }: AgentFacts): string {
  if (scripts) return 'sb cloud run -t <tasks> -a ./my-agent.yaml';
  if (model === 'none' || provider === undefined) return `sb cloud run -t <tasks> -a ${name}`;
  return `sb cloud run -t <tasks> -a ${name} -m ${provider}/<model> --ae ${PROVIDERS[provider].key}`;
}
