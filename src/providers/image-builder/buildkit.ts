/** ImageBuilder over BuildKit: a Job per build, whose buildctl talks to buildkitd. */
import { LABEL } from '../../crds/names.ts';
import { alterationOf } from '../../pods/rendered.ts';
import { ApiError, isAlreadyExists } from '../../kube/errors.ts';
import { Job, Pod } from '../../kube/kinds.ts';
import { isControlledBy, isOwnedBy } from '../../pods/ownership.ts';
import type { KubeClient, Permission } from '../../kube/types.ts';
import { ProviderError, type ProviderReason } from '../errors.ts';
import { buildJob, type JobSettings } from './buildkit/manifests.ts';
import { readBuild } from './buildkit/reading.ts';
import type { Build, BuildHandle, BuildState, ImageBuilder } from './port.ts';

export interface BuildKitSettings extends Omit<JobSettings, 'brokerCa'> {
  kube: KubeClient;
  /** PEM of the broker’s certificate authority, at the moment of the call. */
  brokerCa: () => string;
}

/** What this adapter does in the API server. */
export const permissions: Permission[] = [
  { group: 'batch', resources: ['jobs'], verbs: ['get', 'create', 'delete'] },
  { group: '', resources: ['pods'], verbs: ['list'] },
];

const POLL_MS = 1_000;
/** Names that fit into a request's address. */
const SELECTED_MAX = 50;

const REASONS: Record<number, ProviderReason> = {
  400: 'Invalid',
  401: 'AccessDenied',
  403: 'AccessDenied',
  404: 'NotFound',
  413: 'TooLarge',
  422: 'Invalid',
  429: 'Throttled',
};

function kubeFailure(doing: string, error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  const status = error instanceof ApiError ? error.status : 0;
  return new ProviderError(REASONS[status] ?? 'Unavailable', `${doing}: ${(error as Error).message}`, {
    cause: error,
  });
}

/** Unique in the cluster, as the ids of builds must be. */
const handleOf = (namespace: string, name: string): BuildHandle => ({
  id: `${namespace}/${name}`,
  namespace,
});

/** Undefined for an id that was never given out. */
const jobNameOf = ({ id, namespace }: BuildHandle): string | undefined =>
  id.startsWith(`${namespace}/`) ? id.slice(namespace.length + 1) || undefined : undefined;

/** A Job's name on a Pod anybody may write, as often and as large as they like; our label is the Job controller's alone. */
const podsOf = (jobs: string[]): string =>
  `${LABEL.taskBuild},batch.kubernetes.io/job-name in (${jobs.join(',')})`;

const chunked = (names: string[], size: number): string[][] =>
  Array.from({ length: Math.ceil(names.length / size) }, (_, index) =>
    names.slice(index * size, (index + 1) * size),
  );

/** Whoever may create Pods can write one that names the Job as its owner, and a digest into that: it has to be what the Job says. */
const isOf = (job: Job, pod: Pod): boolean =>
  isControlledBy(pod, job) && alterationOf(pod, job) === undefined;

const newest = (pods: Pod[]): Pod | undefined =>
  pods
    .toSorted((a, b) =>
      (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? ''),
    )
    .at(-1);

class BuildKitImageBuilder implements ImageBuilder {
  readonly backend = 'BuildKit';
  readonly pollMs = POLL_MS;
  /** The build's Job has the token for its name, and stays until it is stopped or its TaskBuild is deleted. */
  readonly tokenLifeMs = Number.POSITIVE_INFINITY;
  readonly #settings: BuildKitSettings;
  readonly #kube: KubeClient;

  constructor(settings: BuildKitSettings) {
    this.#settings = settings;
    this.#kube = settings.kube;
  }

  async start(build: Build): Promise<BuildHandle> {
    const { namespace } = build.owner;
    const job = buildJob(build, { ...this.#settings, brokerCa: this.#settings.brokerCa() });
    try {
      await this.#kube.create(Job, job).catch((error: unknown) => {
        if (!isAlreadyExists(error)) throw error;
        return this.#adopt(build);
      });
    } catch (error) {
      throw kubeFailure(`create Job ${namespace}/${build.token}`, error);
    }
    return handleOf(namespace, build.token);
  }

  async states(handles: BuildHandle[]): Promise<Map<string, BuildState>> {
    const byNamespace = [...Map.groupBy(handles, (handle) => handle.namespace)];
    const states = byNamespace.map(([namespace, builds]) =>
      this.#statesIn(namespace, builds).catch((error: unknown) => {
        throw kubeFailure(`look at the builds of ${namespace}`, error);
      }),
    );
    return new Map((await Promise.all(states)).flat());
  }

  async stop(handle: BuildHandle): Promise<void> {
    const name = jobNameOf(handle);
    if (name === undefined) return;
    try {
      await this.#kube.delete(Job, { namespace: handle.namespace, name }, { propagation: 'Background' });
    } catch (error) {
      throw kubeFailure(`delete Job ${handle.id}`, error);
    }
  }

  /** A Job of that name exists: ours of an earlier call, or somebody else’s. */
  async #adopt({ token, owner }: Build): Promise<Job> {
    const job = await this.#kube.get(Job, { namespace: owner.namespace, name: token });
    if (!job) throw new ProviderError('Unavailable', `Job ${owner.namespace}/${token} was just deleted`);
    if (isOwnedBy(job, { kind: 'TaskBuild', metadata: owner })) return job;
    throw new ProviderError('Invalid', `Job ${owner.namespace}/${token} belongs to something else`);
  }

  /** Asks for what is under way by name: builds that have ended leave their Jobs, and there may be any number of those. */
  async #statesIn(namespace: string, handles: BuildHandle[]): Promise<[string, BuildState][]> {
    const names = handles.map(jobNameOf);
    const [jobs, pods] = await Promise.all([
      Promise.all(
        names.map(async (name) =>
          name === undefined ? undefined : this.#kube.get(Job, { namespace, name }),
        ),
      ),
      this.#pods(
        namespace,
        names.filter((name) => name !== undefined),
      ),
    ]);
    return handles.map(({ id }, index): [string, BuildState] => {
      const job = jobs[index];
      if (!job) return [id, { kind: 'unknown' }];
      return [id, readBuild(job, newest(pods.filter((candidate) => isOf(job, candidate))))];
    });
  }

  async #pods(namespace: string, jobs: string[]): Promise<Pod[]> {
    const pages = chunked(jobs, SELECTED_MAX).map((names) =>
      this.#kube.list(Pod, { namespace, labelSelector: podsOf(names) }),
    );
    return (await Promise.all(pages)).flat();
  }
}

export const buildkitImageBuilder = (settings: BuildKitSettings): ImageBuilder =>
  new BuildKitImageBuilder(settings);
