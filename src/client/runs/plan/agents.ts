/** Agents × models. */
import { agentFacts, agentNames, agentsThatTake } from '../../../crds/agents.ts';
import { CliError } from '../../failures/error.ts';
import type { AgentOption, RunOptions } from '../../documents/run-options.ts';

/** One agent with one model, or with none. */
export interface Contender {
  agent: AgentOption;
  model?: string;
}

/** Every combination of agents and models; an agent that knows no models is in once. Throws CliError SB-E037 for what cannot be run. */
export function contenders({ agents = [{ name: 'oracle' }], models = [] }: RunOptions): Contender[] {
  for (const agent of agents) checkAgent(agent);
  const names = agents.map(({ name }) => name);
  const twice = agents.find((agent, index) => names.indexOf(agent.name) < index && !isPlain(agent));
  if (twice)
    throw unusable(
      twice.name,
      'it is given twice',
      'give each agent once; several models need one agent only',
    );
  if (models.length > 0 && !names.some(takesModel))
    throw unusable(names.join(', '), `no model is used, yet ${models.join(', ')} is given`, 'leave out -m');
  const distinct = agents.filter(({ name }, index) => names.indexOf(name) === index);
  return distinct.flatMap((agent): Contender[] => {
    const own = takesModel(agent.name) ? [...new Set(agent.models ?? models)] : [];
    return own.length === 0 ? [{ agent }] : own.map((model) => ({ agent, model }));
  });
}

/** A name and nothing else: `-a nop -a nop` means it once. */
const isPlain = (agent: AgentOption): boolean => Object.keys(agent).length === 1;

const takesModel = (name: string): boolean => agentsThatTake('model').some((one) => one === name);

function checkAgent({ name, run, install, models }: AgentOption): void {
  const facts = agentFacts(name);
  if (!facts) throw unusable(name, 'there is no such agent', `choose one of ${agentNames.join(', ')}`);
  if (facts.scripts && run === undefined)
    throw unusable(
      name,
      'it has no script',
      `put agents: [{name: ${name}, run: …, install: …}] into a run file and give it with -c`,
    );
  if (!facts.scripts && (run ?? install) !== undefined)
    throw unusable(name, `run and install are for ${listOf('scripts')}`, 'remove them from the run file');
  if (facts.model === 'none' && models !== undefined)
    throw unusable(name, `models are for ${listOf('model')}`, 'remove them from the run file');
}

const listOf = (what: 'scripts' | 'model'): string => `the agent ${agentsThatTake(what).join(', ')} only`;

const unusable = (name: string, why: string, fix: string): CliError =>
  new CliError('SB-E037', { what: `cannot run the agent ${name}`, why, fix });
