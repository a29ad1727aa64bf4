/**
 * What the broker hands a courier at its start: `GET /v1/assignment`, for Pods of Trials. JSON over HTTPS; the courier's projected token is
 * the bearer. Both ends are of one image, so there is one version. Failures are `{ "error": string }` with 401 (token), 403 (not this
 * Pod's), 404, 503 (retry).
 */
import type { Healthcheck } from '../crds/environment.ts';
import type { ImageConfig } from '../crds/image-config.ts';
import type { BackgroundProcesses, TrialSpec } from '../crds/trial.ts';

/** A variable for a phase: its value, or the name of the courier's own variable that the kubelet filled from a Secret. */
export type AssignedVariable = { name: string; value: string } | { name: string; courierVariable: string };

/** The courier's own variable that holds the secret value of entry `index` of `spec.agent.env`. */
export const agentVariable = (index: number): string => `SB_SECRET_AGENT_${index}`;

/** The same for `spec.verifier.env`. */
export const verifierVariable = (index: number): string => `SB_SECRET_VERIFIER_${index}`;

/** What the courier is to do. Values of the Trial's spec; where one is missing, task.toml decides. */
export interface Assignment {
  trial: { namespace: string; name: string; uid: string; attempt: number };
  /** The task: an archive to download, or the folder `POD_PATHS.task` in flattened keys (`tests__test.sh`). */
  task: {
    name: string;
    /** What its files must hash to, where the Trial says so. */
    version?: string;
    source: { kind: 'archive'; url: string } | { kind: 'configMap' };
  };
  image: ImageConfig;
  /** Names that `spec.environment.env` sets in the task container: they go before task.toml's. */
  environmentVariables: string[];
  workdir?: string;
  user?: string;
  healthcheck?: Healthcheck;
  agent: {
    name: string;
    model?: string;
    env: AssignedVariable[];
    timeoutSeconds?: number;
    setupTimeoutSeconds: number;
    user?: string;
    /** What the agent leaves running: kept for the tests, or ended before they appear. */
    backgroundProcesses: BackgroundProcesses;
    install?: string;
    run?: string;
  };
  verifier: { disabled: boolean; env: AssignedVariable[]; timeoutSeconds?: number; user?: string };
  artifacts: NonNullable<TrialSpec['artifacts']>;
  /** False: keep the files to yourself, report the reward alone. */
  upload: boolean;
}
