/** Pure: what is kept of a Trial that has ended. */
import { isFinished } from '../../crds/conditions.ts';
import type { Trial } from '../../crds/trial.ts';

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * The Trial as the watch cache keeps it: without scripts and variables once it has ended. They are most of a Trial, nobody reads them any
 * more, and nothing is written over them: the API server takes nothing but the status from a write of the status.
 */
export function withoutScripts(trial: Trial): Trial {
  if (!isFinished(trial)) return trial;
  const { metadata, spec } = trial;
  const { install: _install, run: _run, env: _agentEnv, ...agent } = spec.agent;
  const { env: _verifierEnv, ...verifier } = spec.verifier;
  const { env: _env, ...environment } = spec.environment;
  const { [LAST_APPLIED]: _applied, ...annotations } = metadata.annotations ?? {};
  return {
    ...trial,
    metadata: { ...metadata, annotations },
    spec: { ...spec, agent, verifier, environment },
  };
}
