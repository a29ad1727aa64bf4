/** What a profile is: one place to run in, with settings of its own and the adapters that are made of them. */
import type { Reader } from '../../config/reader.ts';
import type { CommonConfig, Defaults } from '../../config/common.ts';
import type { BuildReason } from '../../crds/reasons.ts';
import type { KubeClient, ObjectKey } from '../../kube/types.ts';
import type { ArtifactStore } from '../artifact-store/port.ts';
import type { Costs } from '../costs/port.ts';
import type { ImageBuilder } from '../image-builder/port.ts';
import type { ImageRegistry } from '../image-registry/port.ts';
import type { LogLinks } from '../log-links/port.ts';
import type { StorePlace } from './s3.ts';

/** What the operator needs of the outside world. */
export interface Adapters {
  artifacts: ArtifactStore;
  registry: ImageRegistry;
  builder: ImageBuilder;
  logLinks: LogLinks;
  /** What is charged; undefined where nobody is to ask. */
  costs?: Costs;
  /** Where built images go that name no repository. */
  repository: string;
}

export interface AdapterNeeds {
  kube: KubeClient;
  /** PEM of the CA that signs the broker's certificate. */
  brokerCa: () => string;
  /** Measures a port under that name and repeats what fails for a transient reason. */
  steadied: <P extends object>(port: P, name: string) => P;
  /** Milliseconds that never jump. */
  monotonic: () => number;
}

export interface StoreNeeds {
  kube: KubeClient;
  /** The Secret in which an installation may keep credentials for its own storage. */
  secret: ObjectKey;
  /** Environment of the client's process. */
  env: Record<string, string | undefined>;
}

/** Thrown where a client cannot open the store: what is missing, and the command that brings it. */
export class StoreClosed extends Error {
  override name = 'StoreClosed';
  readonly what: string;
  readonly why: string;
  readonly fix: string;

  constructor({ what, why, fix }: { what: string; why: string; fix: string }) {
    super(`${what}: ${why}`);
    this.what = what;
    this.why = why;
    this.fix = fix;
  }
}

export interface Profile<Settings extends object> {
  /** Its defaults of the settings that all profiles share. */
  defaults: Defaults;
  /** Reads its own settings; problems go where the reader keeps them. */
  settings(read: Reader): Settings;
  /** Where built images go, as the settings say it, with the name of the variable that says it. */
  repository(settings: Settings): [variable: string, repository: string];
  /** Opens what the operator needs. Rejects where something of it is not there, naming it. */
  adapters(settings: Settings & CommonConfig, needs: AdapterNeeds): Promise<Adapters>;
  /** Opens the store for a client, every call retried. Rejects with `StoreClosed` where credentials are missing. */
  store(place: StorePlace, needs: StoreNeeds): Promise<ArtifactStore>;
  /** By reason of a condition: where to look, or what to run, when registry or builder hold something up. */
  hints: Partial<Record<BuildReason, string>>;
  /** Variables in `env` whose credentials take the place of those that the installation itself has; none where it has none. */
  foreignCredentials(env: StoreNeeds['env']): string[];
}
