/** Agents × models. */
import { AGENTS } from '../../../crds/trial.ts';
import { CliError } from '../../failures/error.ts';
import type { AgentOption, RunOptions } from '../../documents/run-options.ts';

/** One agent with one model, or with none. */
export interface Contender {
  agent: AgentOption;
  model?: string;
}

/** The one agent that has use for a model. */
const WITH_MODEL = 'custom';

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
  if (models.length > 0 && !names.includes(WITH_MODEL))
    throw unusable(names.join(', '), `no model is used, yet ${models.join(', ')} is given`, 'leave out -m');
  const distinct = agents.filter(({ name }, index) => names.indexOf(name) === index);
  return distinct.flatMap((agent): Contender[] => {
    const own = agent.name === WITH_MODEL ? [...new Set(agent.models ?? models)] : [];
    return own.length === 0 ? [{ agent }] : own.map((model) => ({ agent, model }));
  });
}

/** A name and nothing else: `-a nop -a nop` means it once. */
const isPlain = (agent: AgentOption): boolean => Object.keys(agent).length === 1;

function checkAgent({ name, run, install, models }: AgentOption): void {
  if (!AGENTS.some((known) => known === name))
    throw unusable(name, 'there is no such agent', `choose one of ${AGENTS.join(', ')}`);
  const custom = name === WITH_MODEL;
  if (custom && run === undefined)
    throw unusable(
      name,
      'it has no script',
      'put agents: [{name: custom, run: …, install: …}] into a run file and give it with -c',
    );
  if (!custom && (run ?? install ?? models) !== undefined)
    throw unusable(
      name,
      'run, install and models are for the agent custom only',
      'remove them from the run file',
    );
}

const unusable = (name: string, why: string, fix: string): CliError =>
  new CliError('SB-E037', { what: `cannot run the agent ${name}`, why, fix });
