/** Pure: what is kept of a Trial. */
import { isFinished, seenAgain } from '../../crds/conditions.ts';
import { GITOPS_MARKS } from '../../crds/gitops.ts';
import { withOwnMarks } from '../../crds/marks.ts';
import type { Trial } from '../../crds/trial.ts';
import { keyOf, keyString } from '../../kube/cache/cache.ts';
import type { Shared } from '../../kube/cache/shared.ts';
import type { ObjectKey } from '../../kube/types.ts';

/** What is read of a Trial. */
export const keptOf = (trial: Trial): Trial => withOwnMarks(withoutScripts(trial), GITOPS_MARKS);

/** The Trial as the watch cache keeps it: what one task is asked for is the same in all its Trials of a run. */
export const keptTrial =
  (shared: Shared) =>
  (trial: Trial): Trial => {
    const { spec, ...rest } = keptOf(trial);
    return { ...shared.texts(rest), spec: shared.whole(spec) };
  };

/**
 * The Trial without scripts, variables and whatever else may be long once it has ended. They are most of a Trial,
 * nobody reads them any more, and nothing is written over them: the API server takes nothing but the status from a write of the status.
 */
export function withoutScripts(trial: Trial): Trial {
  if (!isFinished(trial)) return trial;
  const { artifacts: _artifacts, ...spec } = trial.spec;
  const { install: _install, run: _run, env: _agentEnv, ...agent } = spec.agent;
  const { env: _verifierEnv, ...verifier } = spec.verifier;
  const { env: _env, build: _build, healthcheck: _healthcheck, ...environment } = spec.environment;
  return { ...trial, spec: { ...spec, agent, verifier, environment } };
}

/** Its key, where something is to be done about a Trial: nothing is about one that has ended and says that it was looked at. */
export const keysOfOpen = (trial: Trial): ObjectKey[] =>
  isFinished(trial) && seenAgain(trial) === undefined ? [] : [keyOf(trial)];

/** Index of Trials by the TaskBuilds that make their images; those of another namespace are called so. */
export function byTaskBuild({ metadata, status = {} }: Trial): string[] {
  const names = [status.taskBuild, ...(status.images ?? []).map(({ taskBuild }) => taskBuild)];
  return [...new Set(names)]
    .filter((name) => name !== undefined)
    .map((name) => (name.includes('/') ? name : keyString({ namespace: metadata.namespace ?? '', name })));
}
