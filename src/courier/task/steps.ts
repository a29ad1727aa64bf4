/** Pure: the assignment and the unpacked task → commands. Which values they have, the operator has decided. */
import { join, posix } from 'node:path';
import { agentFacts } from '../../crds/agents.ts';
import type { Healthcheck } from '../../crds/environment.ts';
import { present } from '../../crds/present.ts';
import { SETUP } from '../../tasks/step-files.ts';
import { CONTEXT } from '../../tasks/task.ts';
import type {
  AssignedPlace,
  AssignedService,
  AssignedStep,
  Assignment,
  Hook,
} from '../../wire/assignment.ts';
import { POD_PATHS } from '../../wire/pod-paths.ts';
import type { Command } from '../hand/hand.ts';
import type { Service } from '../services/service.ts';
import { agentPartsOf } from './agent.ts';
import { scriptCommand } from './interpreter.ts';
import type { ReadyStep, ReadyTask } from './ready-task.ts';
import {
  limited,
  type Probed,
  type Sequence,
  type Step,
  type StepHook,
  type Surroundings,
  type VerifierPlace,
  type Workdir,
} from './sequence.ts';
import { assignedEnv, demanded, type Env } from './values.ts';

/** The verifier's, in its container. */
const TEST_SCRIPT = `${POD_PATHS.tests}/test.sh`;

/** Throws AttemptFailure for a task that has not what the assignment says of it, and for a secret that did not arrive. */
export function sequenceOf(assignment: Assignment, task: ReadyTask, secrets: Env): Sequence {
  const around = { ...assignment, secrets, folder: task.folder };
  const { rewardStrategy } = assignment;
  const steps = assignment.steps.map((step, index) => {
    const { setup, ...made } = stepOf(step, task.steps[index] ?? NOTHING, around);
    return index === 0 && setup ? { setup, ...made } : made;
  });
  const services = assignment.services?.map((service) => serviceOf(service, task.folder));
  return {
    surroundings: surroundingsOf(assignment, task),
    ...present({ services }),
    steps,
    rewardStrategy,
  };
}

const NOTHING: ReadyStep = { solution: '', tests: [], setup: false };

/** What all commands share. */
type Around = Pick<Assignment, 'workdir' | 'user' | 'seeds' | 'services'> &
  Pick<ReadyTask, 'folder'> & { secrets: Env };

/** `bash -c text`, or `sh -c text`. */
const shellCommand = (text: string, { workdir, user }: Pick<Assignment, 'workdir' | 'user'>): Command => ({
  argv: ['-c', text],
  shell: true,
  user,
  workdir,
  env: {},
});

function surroundingsOf(
  {
    image: { entrypoint },
    seeds,
    workdir,
    user,
    healthcheck,
    services,
  }: Omit<AssignedPlace, 'container' | 'hasTests' | 'startSeconds'> & Pick<Assignment, 'seeds' | 'services'>,
  { folder }: Pick<ReadyTask, 'folder'>,
): Surroundings {
  return {
    ...(seeds && { seeds: { from: join(folder, CONTEXT), to: workdir } }),
    // As Harbor runs it: the image's command gives way to one that only keeps the container alive. Among services main begins as one of them.
    ...(entrypoint.length > 0 &&
      !services && {
        entrypoint: { argv: [...entrypoint, 'sh', '-c', 'sleep infinity'], user, workdir, env: {} },
      }),
    ...(healthcheck && {
      healthcheck: probed(healthcheck, { workdir, user }),
    }),
  };
}

/** A service’s image is begun as it is; that of main, as Harbor does. */
function serviceOf({ argv, healthcheck, copies, ...service }: AssignedService, folder: string): Service {
  const { user, workdir } = service;
  const own = { user, workdir, env: {} };
  return {
    ...service,
    ...(argv.length > 0 && { command: { ...own, argv } }),
    copies: copies.map(({ from, to }) => ({ from: join(folder, from), to })),
    ...(healthcheck && { healthcheck: { ...healthcheck, probe: { ...own, argv: healthcheck.argv } } }),
  };
}

const probed = (healthcheck: Healthcheck, around: Pick<Assignment, 'workdir' | 'user'>): Probed => ({
  ...healthcheck,
  probe: shellCommand(healthcheck.command, around),
});

function stepOf(assigned: AssignedStep, ready: ReadyStep, around: Around): Step {
  const { name, agent, hooks, artifacts, uncopied, verifier, healthcheck, minRewards } = assigned;
  const { workdir } = around;
  return {
    ...present({
      name,
      workdir: workdirOf(ready, { workdir, user: agent.user }),
      healthcheck: healthcheck && probed(healthcheck, { workdir, user: agent.user }),
      minRewards,
    }),
    ...agentPartsOf(agent, ready, around),
    stopBackground: agent.backgroundProcesses === 'Stop',
    hooks: hooks.map((hook) => hookOf(hook, around)),
    artifacts,
    ...present({ uncopied }),
    artifactsUser: agentFacts(agent.name)?.reads === 'nothing' ? around.user : agent.user,
    ...(verifier && { verifier: verifierOf(verifier, ready, around) }),
  };
}

/** In a service it runs as that service’s user and where its image says, by `sh` as in Harbor. */
function hookOf({ command, timeoutSeconds, user, service }: Hook, around: Around): StepHook {
  const place = around.services?.find(({ name }) => name === service) ?? around;
  const { user: own, workdir } = place;
  const run = shellCommand(command, { workdir, user: user ?? own });
  return { ...limited(run, timeoutSeconds), ...present({ service }) };
}

function workdirOf(
  { workdir: from, setup }: ReadyStep,
  { workdir, user }: Pick<Assignment, 'workdir' | 'user'>,
): Workdir | undefined {
  if (from === undefined) return undefined;
  // As Harbor runs it: by bash, whatever its first line says.
  const script = { argv: [posix.join(workdir, SETUP)], shell: true, user, workdir, env: {} };
  return { from, to: workdir, user, ...(setup && { setup: script }) };
}

const placeOf = (place: AssignedPlace, { folder, seeds }: Around): VerifierPlace => ({
  container: place.container,
  hasTests: place.hasTests,
  startSeconds: place.startSeconds,
  // They are part of the agent's image, so to say.
  surroundings: surroundingsOf({ ...place, ...(seeds && !place.hasTests && { seeds }) }, { folder }),
});

/** The script of an image that has the tests, which nobody has read. */
const OWN_TEST = {
  argv: ['-c', `[ ! -x ${TEST_SCRIPT} ] || exec ${TEST_SCRIPT}; exec sh ${TEST_SCRIPT}`],
  shell: true,
};

function verifierOf(
  { env, timeoutSeconds, user, place }: NonNullable<AssignedStep['verifier']>,
  { test, tests }: ReadyStep,
  around: Around,
): NonNullable<Step['verifier']> {
  const { hasTests = false, workdir = around.workdir } = place ?? {};
  const command = {
    ...(hasTests ? OWN_TEST : scriptCommand(TEST_SCRIPT, demanded(test, 'tests/test.sh', 'the verifier'))),
    user,
    workdir,
    env: assignedEnv(env, around.secrets),
    stdout: '/logs/verifier/test-stdout.txt',
  };
  return { ...limited(command, timeoutSeconds), tests, ...(place && { place: placeOf(place, around) }) };
}
