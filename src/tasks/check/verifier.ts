/** Which environment each verification runs in, as Harbor 0.25 resolves it. */
import type { StepConfig, TaskConfig, VerifierConfig } from '../index.ts';

/** A verification: of the whole task, or of one step. */
export interface Verification {
  /** Missing for a task without steps. */
  step?: { index: number; config: StepConfig };
  /** False: in the agent's own container. */
  separate: boolean;
  /** Folder whose Dockerfile a separate verifier is built of, within the task. */
  folder: 'environment' | `${string}tests`;
}

type Mode = 'shared' | 'separate' | undefined;

const modeOf = ({ environment_mode: mode, environment }: VerifierConfig): Mode =>
  mode ?? (environment ? 'separate' : undefined);

/** Every verification of a task; `has` tells whether the task has a file. */
export function verifications(config: TaskConfig, has: (path: string) => boolean): Verification[] {
  const ofTask = modeOf(config.verifier) ?? 'shared';
  const steps = config.steps ?? [];
  if (steps.length === 0) {
    const separate = ofTask === 'separate';
    return [{ separate, folder: separate ? folderOf(['tests'], has) : 'environment' }];
  }
  return steps.map((step, index) => {
    const separate = (modeOf(step.verifier) ?? ofTask) === 'separate';
    const folders = [`steps/${step.name}/tests`, 'tests'] as const;
    return {
      step: { index, config: step },
      separate,
      folder: separate ? folderOf(folders, has) : 'environment',
    };
  });
}

const folderOf = (
  folders: readonly `${string}tests`[],
  has: (path: string) => boolean,
): Verification['folder'] =>
  folders.find((folder) => has(`${folder}/Dockerfile`) || has(`${folder}/docker-compose.yaml`)) ??
  'environment';
