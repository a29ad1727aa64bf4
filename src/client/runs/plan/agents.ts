/** Agents × models. */
import { accessOf } from '../../../crds/agent-model.ts';
import { agentFacts, agentNames, agentsThatTake, shownName, type AgentFacts } from '../../../crds/agents.ts';
import { present } from '../../../crds/present.ts';
import { CliError } from '../../failures/error.ts';
import type { AgentOption, RunOptions } from '../../documents/run-options.ts';

/** One agent with one model, or with none; what the run says of all agents is in the agent. */
export interface Contender {
  agent: AgentOption;
  model?: string;
}

/** Every combination of agents and models; an agent that knows no models is in once. Throws CliError SB-E037 for what cannot be run. */
export function contenders(options: RunOptions): Contender[] {
  const { agents = [{ name: 'oracle' }], models = [] } = options;
  for (const agent of agents) checkAgent(agent);
  const names = agents.map(shownName);
  const twice = agents.find((agent, index) => names.indexOf(shownName(agent)) < index && !isPlain(agent));
  if (twice)
    throw unusable(
      shownName(twice),
      'it is given twice',
      'give each agent once; several models need one agent only',
    );
  if (models.length > 0 && !agents.some(takesModel))
    throw unusable(names.join(', '), `no model is used, yet ${models.join(', ')} is given`, 'leave out -m');
  const distinct = agents.filter((agent, index) => names.indexOf(shownName(agent)) === index);
  return withSettings(distinct, options).flatMap((agent): Contender[] => {
    checkLimits(agent);
    const own = takesModel(agent) ? [...new Set(agent.models ?? models)] : [];
    return own.length === 0 ? [{ agent }] : own.map((model) => ({ agent, model }));
  });
}

/** A name and nothing else: `-a nop -a nop` means it once. */
const isPlain = (agent: AgentOption): boolean => Object.keys(agent).length === 1;

const takesModel = ({ name }: AgentOption): boolean => agentFacts(name)?.model !== 'none';
const hasProgram = ({ name }: AgentOption): boolean => agentFacts(name)?.program !== undefined;

/** The agents with what the run says for all of them; what an agent says itself goes before. */
function withSettings(agents: AgentOption[], options: RunOptions): AgentOption[] {
  const { agentVersion: version, baseUrl, modelAccess, maxTokens, maxCost } = options;
  const ofModel = present({ baseUrl, modelAccess, maxTokens, maxCost });
  const names = agents.map(shownName).join(', ');
  const [unused] = Object.keys(ofModel);
  if (unused !== undefined && !agents.some(takesModel))
    throw unusable(names, `no model is used, yet ${unused} is given`, `leave out ${unused}`);
  const programs = agents.filter(hasProgram).length;
  if (version !== undefined && programs !== 1)
    throw unusable(
      names,
      `a version is given, and ${programs === 0 ? 'none of them has a program' : `${programs} of them have a program`}`,
      programs === 0
        ? 'leave out --agent-version'
        : 'give each its version in a run file: agents: [{name: …, version: …}]',
    );
  return agents.map((agent) => ({
    ...(takesModel(agent) && ofModel),
    ...(hasProgram(agent) && present({ version })),
    ...agent,
  }));
}

/** What only some agents take: when it is given, whether it may be, and who may. */
const TAKEN: readonly {
  keys: readonly (keyof AgentOption)[];
  taken: (facts: AgentFacts) => boolean;
  by: Parameters<typeof agentsThatTake>[0];
}[] = [
  { keys: ['run', 'install', 'title', 'providers'], taken: ({ scripts }) => scripts, by: 'scripts' },
  {
    keys: ['models', 'baseUrl', 'modelAccess', 'maxTokens', 'maxCost'],
    taken: ({ model }) => model !== 'none',
    by: 'model',
  },
  { keys: ['version'], taken: ({ program }) => program !== undefined, by: 'program' },
];

function checkAgent(agent: AgentOption): void {
  const { name, run, title } = agent;
  const facts = agentFacts(name);
  if (!facts) throw unusable(name, 'there is no such agent', `choose one of ${agentNames.join(', ')}`);
  if (facts.scripts && run === undefined)
    throw unusable(
      name,
      'it has no script',
      `put run: … into a file and give it with -a ./my-agent.yaml, or agents: [{name: ${name}, run: …, install: …}] into a run file`,
    );
  for (const { keys, taken, by } of TAKEN) {
    const given = keys.filter((key) => agent[key] !== undefined);
    if (given.length > 0 && !taken(facts))
      throw unusable(
        name,
        `${given.join(' and ')} ${given.length > 1 ? 'are' : 'is'} for ${listOf(by)}`,
        'remove it from the run file',
      );
  }
  if (title !== undefined && agentFacts(title))
    throw unusable(title, 'this is the name of another agent', 'give it another title');
}

/** Nobody counts what an agent spends that calls its model by itself. */
function checkLimits(agent: AgentOption): void {
  const { maxTokens, maxCost } = agent;
  if ((maxTokens ?? maxCost) === undefined || accessOf(agent, agentFacts(agent.name)) === 'Proxy') return;
  throw unusable(
    shownName(agent),
    `${maxTokens === undefined ? 'maxCost' : 'maxTokens'} needs model access Proxy, and it calls its model by itself`,
    'give --model-access Proxy, or leave out --max-tokens and --max-cost',
  );
}

const listOf = (what: (typeof TAKEN)[number]['by']): string =>
  `the agent ${agentsThatTake(what).join(', ')} only`;

const unusable = (name: string, why: string, fix: string): CliError =>
  new CliError('SB-E037', { what: `cannot run the agent ${name}`, why, fix });
