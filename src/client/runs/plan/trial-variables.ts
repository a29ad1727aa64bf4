/** The variables that a planned Trial sets: what the run gives, and what it fills in of the task's own. */
import { keysOf } from '../../../crds/agent-model.ts';
import { shownName, solves } from '../../../crds/agents.ts';
import type { EnvVar } from '../../../crds/environment.ts';
import { headerVariables, type Task } from '../../../tasks/index.ts';
import type { RunOptions } from '../../documents/run-options.ts';
import type { Contender } from './agents.ts';
import type { RunSecrets } from './secrets.ts';
import type { Variables } from './variables.ts';

/** Those of the environment, of the agent, of the verifier, and of the verifiers of single steps. */
export function variablesOf(
  task: Task,
  { agent, model }: Contender,
  { options, secrets }: { options: RunOptions; secrets: RunSecrets },
) {
  const { environment, solution, verifier, steps = [] } = task.config;
  const ofAgent = [
    ...secrets.known(keysOf({ ...agent, model })),
    ...secrets.envFile(),
    ...secrets.given(options.agentEnv ?? {}, 'agent'),
    ...secrets.given(agent.env ?? {}, `agent-${shownName(agent)}`),
  ];
  const ofVerifier = secrets.given(options.verifierEnv ?? {}, 'verifier');
  // What the Trial says of all steps goes before what the task says of one.
  const ofAll = withoutNames(
    verifier.env,
    steps.flatMap((step) => namesOf(step.verifier.env)),
  );
  return {
    environment: secrets.ofTask(environment.env, ofAgent),
    agent: [
      ...secrets.ofTask(solves(agent.name) ? withoutNames(solution.env, ofAgent) : {}, ofAgent),
      ...secrets.ofTask(withoutNames(headerVariables(environment, agent.name), ofAgent), ofAgent),
      ...ofAgent,
    ],
    verifier: [...secrets.ofTask(withoutNames(ofAll, ofVerifier), ofVerifier), ...ofVerifier],
    steps: steps.flatMap(({ name, verifier: own }) => {
      const table = withoutNames({ ...verifier.env, ...own.env }, [...ofVerifier, ...namesOf(ofAll)]);
      const env = secrets.ofTask(table, ofVerifier);
      return env.length > 0 ? [{ name, verifier: { env } }] : [];
    }),
  };
}

const namesOf = (table: Variables): { name: string }[] => Object.keys(table).map((name) => ({ name }));

/** Without the entries whose names the list has. */
function withoutNames(table: Variables, list: readonly { name: string }[]): Variables {
  const names = new Set(list.map(({ name }) => name));
  return Object.fromEntries(Object.entries(table).filter(([name]) => !names.has(name)));
}

/** Each name once: the last one wins. */
export function listed(all: EnvVar[]): { env?: EnvVar[] } {
  const env = [...new Map(all.map((variable) => [variable.name, variable])).values()];
  return env.length > 0 ? { env } : {};
}
