/** Pure: what agents need before they can run, and whether it is there. Says where a key would come from, never what it is. */
import { modelOf, type AgentModel, type KnownModel } from '../../../crds/agent-model.ts';
import { agentFacts, shownName, type AgentFacts } from '../../../crds/agents.ts';
import { priceOf } from '../../../crds/model-prices.ts';
import { templateOf } from '../../../tasks/index.ts';
import type { AgentCheck, AgentNeed } from '../../documents/agent.ts';
import type { RunOptions } from '../../documents/run-options.ts';
import { CliError } from '../../failures/error.ts';
import type { Contender } from '../plan/agents.ts';
import type { Variables } from '../plan/variables.ts';
import type { Programs } from './programs.ts';

export interface CheckOptions {
  contenders: readonly Contender[];
  /** Flags and run file together. */
  options: Pick<RunOptions, 'agentEnv'>;
  /** Out of --env-file. */
  envFile: Variables;
  /** The caller's. */
  environment: Record<string, string | undefined>;
  /** Names that may be read without asking. */
  allowed: readonly string[];
  /** How far the operator has built their programs, as far as that is known. */
  programs?: Programs;
  /** Default: what is known of agents. */
  factsOf?: (name: string) => AgentFacts | undefined;
}

/** One for each agent and model. */
export const checkAgents = (options: CheckOptions): AgentCheck[] =>
  options.contenders.map((contender) => {
    const needs = needsOf(contender, options);
    return {
      agent: shownName(contender.agent),
      model: contender.model ?? null,
      ok: needs.every(({ state }) => state !== 'missing'),
      needs,
    };
  });

/** Throws CliError SB-E042 with all that is missing. */
export function expectReady(options: CheckOptions): void {
  const lacking = checkAgents(options).flatMap(({ agent, model, needs }) =>
    needs
      .filter(({ state }) => state === 'missing')
      .map(({ says, fix }) => ({ line: `${[agent, model].filter(Boolean).join(' ')}: ${says}`, fix })),
  );
  if (lacking.length === 0) return;
  throw new CliError('SB-E042', {
    what: 'cannot start the run',
    why: [...new Set(lacking.map(({ line }) => line))].join('\n'),
    fix: [...new Set(lacking.flatMap(({ fix }) => fix ?? []))].join('\n'),
  });
}

const there = (need: AgentNeed['need'], says: string): AgentNeed => ({
  need,
  state: 'there',
  says,
  fix: null,
});
const unknown = (need: AgentNeed['need'], says: string): AgentNeed => ({
  need,
  state: 'unknown',
  says,
  fix: null,
});
const missing = (need: AgentNeed['need'], says: string, fix: string): AgentNeed => ({
  need,
  state: 'missing',
  says,
  fix,
});

function needsOf(contender: Contender, options: CheckOptions): AgentNeed[] {
  const { agent, model } = contender;
  const facts = (options.factsOf ?? agentFacts)(agent.name);
  if (!facts) return [];
  const seen = modelOf({ ...agent, model }, facts);
  return [
    ...modelNeeds(contender, seen),
    ...(seen.kind === 'known' ? reachNeeds(contender, seen, options) : []),
    ...programNeeds(agent, facts, options.programs),
  ];
}

function modelNeeds({ model = 'its model' }: Contender, seen: AgentModel): AgentNeed[] {
  switch (seen.kind) {
    case 'none':
      return [];
    case 'open':
      return [there('model', `${model}, as the agent itself takes it`)];
    case 'unnamed':
      return [missing('model', 'no model is named', anyOf(seen.providers))];
    case 'foreign':
      return [
        missing(
          'model',
          `${model} is of no provider that it knows: ${seen.providers.join(', ')}`,
          `${anyOf(seen.providers)}    (or models of each agent in a run file: every agent runs with every -m)`,
        ),
      ];
    case 'known':
      return [there('model', `${seen.name ?? 'the agent’s own choice'}, of ${seen.provider}`)];
    default:
      return seen satisfies never;
  }
}

const anyOf = ([first = '<provider>']: readonly string[]): string => `-m ${first}/<model>`;

function reachNeeds(contender: Contender, seen: KnownModel, options: CheckOptions): AgentNeed[] {
  const { access, baseUrl, name } = seen;
  const way =
    access === 'Proxy' ? 'the courier calls it, and the container has no key' : 'the agent calls it';
  return [
    keyNeed(contender, seen, options),
    there('endpoint', `${baseUrl}, where ${way} (${access})`),
    ...(name === undefined ? [] : [priceNeed(contender.agent, name)]),
  ];
}

function keyNeed({ agent }: Contender, { key }: KnownModel, options: CheckOptions): AgentNeed {
  const source = sourceOf(key, { own: agent.env ?? {}, ...options });
  if ('from' in source) return there('key', `${key}, from ${source.from}`);
  if (agent.baseUrl !== undefined) return unknown('key', `${key} ${source.why}; the gateway may need none`);
  return missing(
    'key',
    `${key} ${source.why}`,
    `export ${key}=…    (or --ae ${key}=…, or a line of it in --env-file)`,
  );
}

type Source = { from: string } | { why: string };

/** In the order in which they go before each other. */
function sourceOf(
  name: string,
  { own, options, envFile, environment, allowed }: CheckOptions & { own: Variables },
): Source {
  for (const [from, table] of [
    ['the agent’s own env', own],
    ['--ae or agentEnv', options.agentEnv ?? {}],
  ] as const) {
    const value = Object.hasOwn(table, name) ? table[name] : undefined;
    if (value !== undefined) return valueSource(value, from, { envFile, environment });
  }
  if (Object.hasOwn(envFile, name)) return nonEmpty(envFile[name], '--env-file');
  const asks = allowed.includes(name) ? '' : ', after asking (or by --allow-env)';
  return nonEmpty(environment[name], `this shell${asks}`);
}

/** `${NAME}` and `${NAME:-default}` stand for another variable. */
function valueSource(
  value: string,
  from: string,
  { envFile, environment }: Pick<CheckOptions, 'envFile' | 'environment'>,
): Source {
  const template = templateOf(value);
  if (!template) return nonEmpty(value, from);
  const { variable, fallback } = template;
  const filled = nonEmpty(envFile[variable] ?? environment[variable] ?? fallback, `${from}, by ${variable}`);
  return 'from' in filled ? filled : { why: `is to be ${variable}, which ${filled.why}` };
}

function nonEmpty(value: string | undefined, from: string): Source {
  if (value === undefined) return { why: 'is not set' };
  return value.trim() === '' ? { why: 'is empty' } : { from };
}

/** The installation may know more prices than this side does, so nothing is missing here. */
function priceNeed({ maxCost }: Contender['agent'], name: string): AgentNeed {
  if (priceOf(name)) return there('price', 'known');
  return unknown(
    'price',
    maxCost === undefined
      ? 'not known here: the cost is told where the installation knows it'
      : 'not known here, and maxCost needs it: the Trial is refused unless the installation knows it',
  );
}

function programNeeds(
  { name: agent, version }: Contender['agent'],
  { program }: AgentFacts,
  programs: Programs | undefined,
): AgentNeed[] {
  if (!program) return [];
  const { registry, package: name, version: usual } = program;
  const isUsual = version === undefined || version === usual;
  const built = (isUsual ? programs?.get(agent) : undefined) ?? 'the operator brings it';
  return [there('program', `${registry} ${name} ${version ?? usual}; ${built}`)];
}
