/** Pure: what a courier is to do, out of its Trial. */
import { agentVariable, verifierVariable } from '../wire/assignment.ts';
import type { Assignment, AssignedVariable } from '../wire/assignment.ts';
import type { EnvVar } from '../crds/environment.ts';
import type { NamespaceRules } from '../crds/namespace-rules.ts';
import { present } from '../crds/present.ts';
import type { Trial } from '../crds/trial.ts';
import { taskKey } from '../providers/artifact-store/port.ts';
import { TASK_FILES } from '../tasks/bucket.ts';
import type { TrialSubject } from './identity/subjects.ts';

/** Key of a Trial's `task.zip`; undefined where its `s3.uri` does not lie under `tasks/` of this bucket. */
export function archiveKey(trial: Trial, bucket: string): string | undefined {
  const prefix = taskKey(trial.spec.task.s3?.uri ?? '', bucket);
  return prefix === undefined ? undefined : `${prefix}/${TASK_FILES.task}`;
}

/** A secret's value is in the courier already, put there by the kubelet; the assignment only says under which name. */
const variables = (
  env: EnvVar[] | undefined,
  courierVariable: (index: number) => string,
): AssignedVariable[] =>
  (env ?? []).map(({ name, value, secretKeyRef }, index) =>
    secretKeyRef ? { name, courierVariable: courierVariable(index) } : { name, value: value ?? '' },
  );

export interface AssignmentFacts {
  /** Where the task can be downloaded; undefined for a task out of a ConfigMap. */
  archiveUrl?: string;
  /** Of the Trial's namespace. */
  rules: NamespaceRules;
}

export function assignmentOf(
  { trial, attempt, image }: TrialSubject,
  { archiveUrl, rules }: AssignmentFacts,
): Assignment {
  const { task, environment, agent, verifier, artifacts, uploadResults } = trial.spec;
  const { namespace = '', name, uid = '' } = trial.metadata;
  return {
    trial: { namespace, name, uid, attempt },
    task: {
      name: task.name,
      ...present({ version: task.version }),
      source: archiveUrl === undefined ? { kind: 'configMap' } : { kind: 'archive', url: archiveUrl },
    },
    image,
    environmentVariables: (environment.env ?? []).map(({ name: variable }) => variable),
    ...present({
      workdir: environment.workdir,
      user: environment.user,
      healthcheck: environment.healthcheck,
    }),
    agent: {
      name: agent.name,
      env: variables(agent.env, agentVariable),
      setupTimeoutSeconds: agent.setupTimeoutSeconds,
      // Either may have them stopped.
      backgroundProcesses: [agent, rules].some((of) => of.backgroundProcesses === 'Stop') ? 'Stop' : 'Keep',
      ...present({
        model: agent.model,
        timeoutSeconds: agent.timeoutSeconds,
        user: agent.user,
        install: agent.install,
        run: agent.run,
      }),
    },
    verifier: {
      disabled: verifier.disabled,
      env: variables(verifier.env, verifierVariable),
      ...present({ timeoutSeconds: verifier.timeoutSeconds, user: verifier.user }),
    },
    artifacts: artifacts ?? [],
    upload: uploadResults,
  };
}
