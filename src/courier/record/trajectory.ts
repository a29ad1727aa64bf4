/** The trajectory of a step, until it is stored. */
import { TRAJECTORY_MAX_BYTES, type Trajectory } from '../../wire/trajectory.ts';

/** Below the Trial's prefix, or the step's. Whatever the agent itself has put there is not stored. */
export const TRAJECTORY_FILE = 'agent/trajectory.json';

export interface TrajectoryRecord {
  put(trajectory: Trajectory): void;
  /** Its text, once; undefined where there is none, or it is too large to be stored. */
  take(): string | undefined;
}

export function trajectoryRecord(): TrajectoryRecord {
  let kept: string | undefined;
  return {
    put: (trajectory) => {
      const text = `${JSON.stringify(trajectory, null, 1)}\n`;
      kept = Buffer.byteLength(text) <= TRAJECTORY_MAX_BYTES ? text : undefined;
    },
    take: () => {
      const text = kept;
      kept = undefined;
      return text;
    },
  };
}
