/** What the broker answers the courier of a Sandbox. */
import type { EnvVar } from '../../crds/environment.ts';
import type { ImageConfig } from '../../crds/image-config.ts';
import type { AssignedNetwork } from '../assignment.ts';
import type { PhaseNetwork } from '../network.ts';

/** What a Sandbox is to be, for its courier. */
export interface SandboxAssignment {
  kind: 'sandbox';
  namespace: string;
  name: string;
  uid: string;
  image: ImageConfig;
  /** Of every command that names none; default: the image's. */
  user?: string;
  workdir?: string;
  /** Of every command, beneath its own. Those from Secrets are in the container already. */
  env: Record<string, string>;
  /** The Pod ends itself after so many seconds in which nothing ran and no byte moved. */
  idleTimeoutSeconds?: number;
  network: SandboxNetwork;
}

/** What the courier has to know of the Pod's network. Which hosts the list has, the broker looks up for every tunnel. */
export interface SandboxNetwork extends Pick<AssignedNetwork, 'probePort' | 'variables'> {
  mode: PhaseNetwork['mode'];
  /** Whether commands may run where the cluster does not enforce the Pod's policy. */
  enforcement: AssignedNetwork['enforcement'];
}

/** The Pod is one of a pool, and no Sandbox has it yet: ask again. */
export interface PooledAssignment {
  kind: 'pooled';
  image: ImageConfig;
  network: SandboxNetwork;
}

/** Answer to `SANDBOX_ROUTES.certificate`: PEM. */
export interface CourierCertificate {
  key: string;
  cert: string;
  /** The CA that signed it, and that signs the broker's client certificate. */
  ca: string;
  /** Name in the certificate that the broker shows when it connects. */
  brokerName: string;
  /** RFC 3339, UTC. */
  notAfter: string;
}

/** The first line on a connection from broker to courier: JSON and a line feed, at most `PREFACE_MAX` bytes. */
export interface Preface {
  /** Whom the broker has let in. */
  caller: string;
}
export const PREFACE_MAX = 4096;

/** The courier's termination message where it ended the Pod itself. */
export type SandboxEnded =
  | {
      ended: 'Idle';
      /** RFC 3339, UTC. */
      lastActivityTime: string;
    }
  /** Enforcement is Required, and a port that the Pod's policy closes answers. */
  | { ended: 'PolicyNotEnforced' };

/** Values of `env` that are no Secret's. */
export const plainEnv = (env: readonly EnvVar[] = []): Record<string, string> =>
  Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
