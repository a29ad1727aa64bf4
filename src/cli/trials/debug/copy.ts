/** Pure: a Trial that holds the environment of another, and does nothing in it. */
import { API_VERSION, bounded, PREFIX } from '../../../crds/names.ts';
import type { Trial, TrialSpec } from '../../../crds/trial.ts';

/** On a copy: the Trial that it is a copy of. */
export const DEBUG_OF = `${PREFIX}debug-of`;

/** Beyond the time that was asked for: the agent's `sleep` ends by itself, and not by its limit. */
const SLACK_SECONDS = 60;
/** How long an ended copy is kept. */
const KEPT_SECONDS = 300;

/** `<trial>-debug`, or `<trial>-debug-2` and so on where the names before it are taken. */
export const debugName = (trial: string, number: number): string => {
  const end = number === 1 ? '-debug' : `-debug-${number}`;
  return `${bounded(trial, 52 - end.length)}${end}`;
};

/**
 * Same image (the very digest, where it is known), resources, variables, network and node; no verifier, no healthcheck, no upload, no run:
 * it counts nowhere. Its agent sleeps for `seconds`, then it ends, and a few minutes later it is gone. `/solution` and `/tests` are not in
 * it: they only ever appear in their phases.
 */
export function debugCopy(trial: Trial, { name, seconds }: { name: string; seconds: number }): Trial {
  const { run: _run, agent, verifier: _verifier, artifacts: _artifacts, ...spec } = trial.spec;
  return {
    apiVersion: API_VERSION,
    kind: 'Trial',
    metadata: {
      name,
      namespace: trial.metadata.namespace ?? '',
      annotations: { [DEBUG_OF]: trial.metadata.name },
    },
    spec: {
      ...spec,
      environment: environmentOf(trial),
      agent: {
        name: 'custom',
        run: `exec /sb/busybox sleep ${seconds}`,
        timeoutSeconds: seconds + SLACK_SECONDS,
        setupTimeoutSeconds: agent.setupTimeoutSeconds,
        ...(agent.env && { env: agent.env }),
        ...(agent.user !== undefined && { user: agent.user }),
      },
      verifier: { mode: 'Shared', disabled: true },
      maxAttempts: 1,
      suspend: false,
      cancel: false,
      uploadResults: false,
      ttlSecondsAfterFinished: KEPT_SECONDS,
    },
  };
}

function environmentOf({ spec, status }: Trial): TrialSpec['environment'] {
  const { healthcheck: _healthcheck, ...environment } = spec.environment;
  if (status?.image === undefined) return environment;
  const { build: _build, buildRef: _buildRef, ...kept } = environment;
  return { ...kept, image: status.image };
}
