/** A service of docker-compose.yaml as the courier begins it. */
import type { AssignedService } from '../../wire/assignment.ts';
import type { Command } from '../hand/hand.ts';
import type { Probe } from '../phases/healthcheck.ts';

export interface Service extends Pick<AssignedService, 'name' | 'container' | 'dependsOn' | 'restart'> {
  /** Missing: nothing begins in it by itself. */
  command?: Command;
  /** Whose its files and hooks are. */
  user: string;
  workdir: string;
  copies: Copied[];
  healthcheck?: Probe;
}

/** A file or folder of the task, by its absolute path here, and where it is put. */
export interface Copied {
  from: string;
  to: string;
}
