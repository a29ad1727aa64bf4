/** A connection to an installation. No vendor types, no behaviour. */
import type { VerifierMode } from '../../crds/verifier.ts';
import type { Kube } from '../../kube/connect.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import type { ProfileName } from '../../providers/profiles/profiles.ts';
import type { StorePlace } from '../../providers/profiles/s3.ts';

/** What a client must know of an installation: ConfigMap `sb-client` in the operator's namespace, readable by all who are logged in. */
export interface ClientConfig extends StorePlace {
  profile: ProfileName;
  operatorVersion: string;
  /** Where the operator is. */
  operatorNamespace: string;
  /** Where verifiers run for which neither the Trial, the task nor the namespace says it. Missing: in the agent's container. */
  verifierMode?: VerifierMode;
  /** Secret there with credentials for the installation's own storage, where it is not the usual one. */
  storeSecret?: string;
  /** Where programs outside the cluster reach the broker, for Sandboxes: an `https` URL. */
  brokerUrl?: string;
}

/** The process that a client runs in. */
export interface Surroundings {
  env: Record<string, string | undefined>;
  cwd: string;
  now: () => Date;
}

/** What every command that talks to a cluster was told on the command line. */
export interface SessionOptions {
  /** --context; default: the current one. */
  context?: string;
  /** -n; default: the context's namespace, else `default`. */
  namespace?: string;
  /** --kubeconfig; default: KUBECONFIG, else ~/.kube/config. */
  kubeconfig?: string;
}

/** A connection to a cluster, with the user's own credentials. */
export interface Session {
  kube: KubeClient;
  /** For watches (src/kube/cache) and whoever needs the transport itself. */
  kubeParts: Kube;
  namespace: string;
  /** Name of the kubeconfig context. */
  context: string;
  /** The installation; a `CliError` (SB-E008) where the cluster has none. Read once, on first use. */
  client(): Promise<ClientConfig>;
  /** The bucket, retried; rejects as `client` does. Opened once, on first use. */
  store(): Promise<ArtifactStore>;
  now: () => Date;
  /** Of the process. */
  env: Surroundings['env'];
  /** Fires when it is closed: nothing waits for anything of it any more. */
  closed: AbortSignal;
  close(): Promise<void>;
}
