/** Pure: the agent of an assignment → the commands that install and run it, and how what it writes is read. */
import type { Agent, AgentGiven, AgentScript } from '../../agents/agent.ts';
import { agentOf } from '../../agents/registry.ts';
import { agentFacts, solves } from '../../crds/agents.ts';
import { present } from '../../crds/present.ts';
import type { AssignedStep } from '../../wire/assignment.ts';
import { AttemptFailure } from '../failure.ts';
import type { Command } from '../hand/hand.ts';
import { scriptCommand } from './interpreter.ts';
import type { ReadyStep } from './ready-task.ts';
import { CONTAINER, limited, type Step } from './sequence.ts';
import { assignedEnv, demanded, type Env } from './values.ts';

type AgentParts = Pick<Step, 'setup' | 'agent' | 'agentFiles'>;

export function agentPartsOf(
  assigned: AssignedStep['agent'],
  ready: ReadyStep,
  around: { workdir: string; secrets: Env },
): AgentParts {
  const { name, user, timeoutSeconds, setupTimeoutSeconds } = assigned;
  const [agent, facts] = [agentOf(name), agentFacts(name)];
  if (!agent || !facts) throw new AttemptFailure('TaskUnsupported', `agent ${name} is not supported yet`);
  const given = givenTo(assigned, ready);
  const shared = { workdir: around.workdir, env: assignedEnv(assigned.env, around.secrets) };
  const install = assigned.installs ? installOf(agent, given) : agent.install?.(given);
  const run = agent.run?.(given);
  return {
    ...(install && { setup: limited(commandOf(install, { ...shared, user: '0' }), setupTimeoutSeconds) }),
    ...(run && {
      agent: {
        ...present({ solution: solutionFor(name, ready), transcript: transcriptOf(agent, given) }),
        exitCodeTells: agent.exitCodeTells,
        ...limited(commandOf(run, { ...shared, user }), timeoutSeconds),
      },
    }),
    ...filesOf(agent, given, { instruction: ready.instruction, scripts: [install, run] }),
  };
}

/** What is put into its folder: the instruction, its scripts, and what it has there besides. */
function filesOf(
  agent: Agent,
  given: AgentGiven,
  {
    instruction = '',
    scripts,
  }: { instruction: string | undefined; scripts: readonly (AgentScript | undefined)[] },
): Pick<AgentParts, 'agentFiles'> {
  const within = `${given.folder}/`;
  const own = scripts.flatMap((script) =>
    script?.path.startsWith(within) ? [[script.path.slice(within.length), script.text]] : [],
  );
  if (own.length === 0) return {};
  return {
    agentFiles: { 'instruction.md': instruction, ...agent.files?.(given), ...Object.fromEntries(own) },
  };
}

/** Of a program of which there is no image. */
function installOf({ program }: Agent, { folder, version }: AgentGiven): AgentScript | undefined {
  if (!program || version === undefined) return undefined;
  return { path: `${folder}/${INSTALL}`, text: program.install(version), stdout: '/logs/agent/install.txt' };
}

/** Beside the agent's own files. */
const INSTALL = 'install-program';

const transcriptOf = ({ transcript }: Agent, given: AgentGiven): NonNullable<Step['agent']>['transcript'] =>
  transcript && { path: transcript.path, read: (lines) => transcript.read(lines, given) };

const solutionFor = (agent: string, { solution }: ReadyStep): string | undefined =>
  solves(agent) ? solution : undefined;

/** Throws for a task without the file that the agent works from. */
function givenTo(assigned: AssignedStep['agent'], ready: ReadyStep): AgentGiven {
  const { name, version, model, endpoint, webTools, skillsDir: skills, mcpServers, install, run } = assigned;
  const who = `the agent ${name}`;
  const { reads } = agentFacts(name) ?? {};
  if (reads === 'instruction.md') demanded(ready.instruction, reads, who);
  return {
    instruction: `${CONTAINER.agentFiles}/instruction.md`,
    solution: CONTAINER.solution,
    folder: CONTAINER.agentFiles,
    solve: reads === 'solution/solve.sh' ? demanded(ready.solve, reads, who) : '',
    version,
    model,
    endpoint,
    webTools,
    skills,
    mcpServers,
    install,
    run,
  };
}

const commandOf = (
  { path, text, env, ...output }: AgentScript,
  shared: Pick<Command, 'user' | 'workdir' | 'env'>,
): Command => ({
  ...shared,
  ...scriptCommand(path, text),
  env: { ...shared.env, ...env },
  ...output,
});
