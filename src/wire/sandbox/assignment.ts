/** What the broker answers the courier of a Sandbox. */
import type { EnvVar } from '../../crds/environment.ts';
import type { ImageConfig } from '../../crds/image-config.ts';

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
}

/** The Pod is one of a pool, and no Sandbox has it yet: ask again. */
export interface PooledAssignment {
  kind: 'pooled';
  image: ImageConfig;
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
export interface SandboxEnded {
  ended: 'Idle';
  /** RFC 3339, UTC. */
  lastActivityTime: string;
}

/** Values of `env` that are no Secret's. */
export const plainEnv = (env: readonly EnvVar[] = []): Record<string, string> =>
  Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
