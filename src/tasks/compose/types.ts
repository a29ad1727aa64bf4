/** What a task's docker-compose.yaml comes to: see `compose.ts`. */
import type { EnvVar } from '../../crds/environment.ts';
import type { AssignedDependency, AssignedRestart, AssignedService } from '../../wire/assignment.ts';

/** Why a file cannot be run. */
export interface ComposeProblem {
  /** `invalid`: Compose would not take it either. `unsupported`: it does not map to containers of one Pod. */
  kind: 'invalid' | 'unsupported';
  /** As in `services.db.privileged`; empty for the file as a whole. */
  field: string;
  /** A sentence that goes on after the field's name and a colon. */
  says: string;
}

/** Of a Secret nobody here knows the value: it can only be the whole value of a variable. */
export type VariableValue = string | Required<Pick<EnvVar, 'secretKeyRef'>>;
/** Undefined where nobody has set it. */
export type Variables = (name: string) => VariableValue | undefined;

export interface ComposeBuild {
  /** Folder of the task, with its closing slash. */
  context: string;
  dockerfile?: string;
  target?: string;
  args: Record<string, string>;
}

export type ComposeHealthcheck = NonNullable<AssignedService['healthcheck']>;

export type Condition = AssignedDependency['condition'];
export const CONDITIONS: readonly Condition[] = [
  'service_started',
  'service_healthy',
  'service_completed_successfully',
];

export type Dependency = AssignedDependency;

export type ComposeMount =
  /** One folder for all that mount it. The first of them has put there what its image has at the path, unless `nocopy`. */
  | { kind: 'volume'; volume: string; path: string; readOnly: boolean; nocopy?: true }
  /** Memory. Without a size it is bounded by the container's limit alone. */
  | { kind: 'tmpfs'; path: string; bytes?: number }
  /** A file or folder of the task, which each container gets a copy of. */
  | { kind: 'copy'; from: string; path: string };

export type Restart = AssignedRestart;

/** Amounts as Compose has them: CPUs and bytes. */
export interface ComposeResources {
  limits: { cpus?: number; memory?: number };
  reservations: { cpus?: number; memory?: number };
}

export interface ComposeService {
  name: string;
  /** Missing both: of main, which Harbor gives one. */
  image?: string;
  build?: ComposeBuild;
  /** Another service whose build makes its image. */
  imageOf?: string;
  /** In place of the image's own, whose command it takes away too. */
  entrypoint?: string[];
  command?: string[];
  env: EnvVar[];
  user?: string;
  workdir?: string;
  healthcheck?: ComposeHealthcheck;
  dependsOn: Dependency[];
  restart: Restart;
  mounts: ComposeMount[];
  resources: ComposeResources;
  /** What it is called in the network, its own name first. */
  names: string[];
  /** Nothing in it gains rights by setuid. */
  noNewPrivileges: boolean;
}

export interface Compose {
  /** Each after those that it depends on; `main` is among them, be it named in the file or not. */
  services: ComposeService[];
  /** Empty where all of it can be run. */
  problems: ComposeProblem[];
}
