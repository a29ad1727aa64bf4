/** `sb agent`: what is printed of agents, and of what they need. */
import { checkAgents } from '../../client/runs/agents/check.ts';
import { agentRows, agentShown } from '../../client/runs/agents/shown.ts';
import { programsBuilt, type Programs } from '../../client/runs/agents/programs.ts';
import { contenders } from '../../client/runs/plan/agents.ts';
import type { AgentCheck, AgentNeed, AgentRow, AgentShown } from '../../client/documents/agent.ts';
import type { ExitCode } from '../../client/failures/error.ts';
import { withSession } from '../../client/session/session.ts';
import { agentFacts } from '../../crds/agents.ts';
import { safeJson, safeLine } from '../../text/safe.ts';
import { settingsOf, type RunFlags } from '../launch/wish.ts';
import { printDocument, printListing, type Column } from '../render/output.ts';
import { style, type Style } from '../render/style.ts';
import type { Io, OutputFormat, Terminal } from '../types.ts';

const SHOWN = 2;

/** The first of many: sb agent show has all. */
function listed(words: readonly string[]): string | undefined {
  const more = words.length > SHOWN ? [`… (${words.length})`] : [];
  return [...words.slice(0, SHOWN), ...more].join(', ') || undefined;
}

const columns: Column<AgentRow>[] = [
  { header: 'agent', value: ({ agent }) => agent },
  { header: 'what it does', value: ({ does }) => does },
  { header: 'version', value: ({ version }) => version ?? undefined },
  { header: 'providers', value: ({ providers }) => listed(providers.map(({ provider }) => provider)) },
  { header: 'keys', value: ({ keys }) => listed(keys) },
  { header: 'program', value: ({ program }) => program ?? undefined, wide: true },
];

/** `sb agent ls` */
export const listAgents = (terminal: Terminal, format: OutputFormat): Promise<void> =>
  printListing(terminal, format, { rows: agentRows(), columns, name: ({ agent }) => agent });

/** `sb agent show` */
export async function showAgent(
  terminal: Terminal,
  { name, format }: { name: string; format: OutputFormat },
): Promise<void> {
  const shown = agentShown(name);
  if (format === 'json' || format === 'yaml') return printDocument(terminal, format, shown);
  if (format === 'jsonl') return terminal.out(`${safeJson(shown)}\n`);
  if (format === 'name') return terminal.out(`${shown.agent}\n`);
  const { strong } = style({ color: terminal.color && terminal.outIsTTY });
  terminal.out(
    rowsOf(shown)
      .map(([label, value]) => `${strong(label.padEnd(14))} ${safeLine(value)}\n`)
      .join(''),
  );
}

const TAKES: Record<AgentShown['model'], string> = {
  none: 'none',
  optional: 'with -m, else its own choice',
  required: 'with -m, and there has to be one',
};

const ACCESS: Record<AgentShown['model_access'], string> = {
  Proxy: 'Proxy: the courier has the key and counts tokens',
  Direct: 'Direct: the agent has the key',
  None: '',
};

function rowsOf(agent: AgentShown): [string, string][] {
  const { program, version, providers, reads, skills, mcp, mcp_headers } = agent;
  const takes = [
    ...(agent.scripts ? ['scripts of yours (install, run)'] : []),
    ...(skills ? ['skills'] : []),
    ...(mcp ? [`MCP servers${mcp_headers ? ' with headers' : ''}`] : []),
  ];
  const rows: [string, string][] = [
    ['Agent', agent.agent],
    ['Does', agent.does],
    ['Works from', reads],
    ['Program', program === null ? '' : `${program} ${version ?? ''} (another: --agent-version)`],
    ['Takes', takes.join(', ')],
    ['Web tools', program === null ? '' : 'only where its phase has all of the network'],
    ['Model', TAKES[agent.model]],
    ...providers.map(({ provider, key, base_url }, at): [string, string] => [
      at === 0 ? 'Providers' : '',
      `${provider}: key in ${key}, answers at ${base_url}`,
    ]),
    ['Model access', ACCESS[agent.model_access]],
    ['Example', agent.example],
  ];
  return rows.filter(([, value]) => value !== '');
}

/** `sb agent check`; resolves to 1 where something is missing. */
export async function checkOfAgents(flags: RunFlags, io: Io): Promise<ExitCode> {
  const { terminal, cwd, env } = io;
  const settings = await settingsOf(flags, cwd);
  const who = contenders(settings.options);
  const asks = who.some(({ agent }) => agentFacts(agent.name)?.program);
  const checks = checkAgents({
    ...settings,
    contenders: who,
    environment: env,
    ...(asks && { programs: await programsIn(flags, io) }),
  });
  await printChecks(terminal, flags.output, checks);
  return checks.every(({ ok }) => ok) ? 0 : 1;
}

/** None where there is no cluster: nothing else of the check needs one. */
const programsIn = (flags: RunFlags, io: Io): Promise<Programs> =>
  withSession(flags, io, programsBuilt).catch(() => new Map());

const MARK: Record<AgentNeed['state'], readonly [mark: string, style: keyof Style]> = {
  there: ['✓', 'good'],
  missing: ['✗', 'bad'],
  unknown: ['?', 'faint'],
};

async function printChecks(
  terminal: Terminal,
  format: OutputFormat,
  checks: readonly AgentCheck[],
): Promise<void> {
  if (format === 'json' || format === 'yaml') return printDocument(terminal, format, checks);
  if (format === 'jsonl') return terminal.out(checks.map((one) => `${safeJson(one)}\n`).join(''));
  const styles = style({ color: terminal.color && terminal.outIsTTY });
  terminal.out(checks.flatMap((one) => linesOf(one, styles)).join(''));
}

function linesOf({ agent, model, needs }: AgentCheck, styles: Style): string[] {
  const head = styles.strong(safeLine([agent, model].filter(Boolean).join(' ')));
  if (needs.length === 0) return [`${head}\n`, '  needs nothing\n'];
  return [
    `${head}\n`,
    ...needs.flatMap(({ need, state, says, fix }) => {
      const [mark, name] = MARK[state];
      const line = `  ${styles[name](mark)} ${need}: ${safeLine(says)}\n`;
      return fix === null ? [line] : [line, `      ${safeLine(fix)}\n`];
    }),
  ];
}
