/** Flux on this machine, which syncs repositories into the local cluster: its controllers as processes, its objects in the cluster. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Kind, KubeObject } from '../../../src/kube/types.ts';
import { areEstablished, kubeconfig, kubectlOk } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { gitopsManifests } from '../../support/gitops.ts';
import { startServer, type Running } from '../../support/programs.ts';
import { ensureGitOps, paths, type GitOpsProgram } from '../cluster/index.ts';
import { below, startGitServer, type Changes, type GitServer } from './git-server.ts';
import type { Health, Place } from './git-stories.ts';
import { world } from './world.ts';

const NAMESPACE = 'flux-system';
const REQUEST = 'reconcile.fluxcd.io/requestedAt';

interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
}

interface FluxObject extends KubeObject {
  spec?: object;
  status?: {
    conditions?: Condition[];
    observedGeneration?: number;
    lastHandledReconcileAt?: string;
    artifact?: { revision: string };
    lastAttemptedRevision?: string;
    lastAppliedRevision?: string;
  };
}

const kindOf = (group: string, kind: string, plural: string): Kind<FluxObject> => ({
  group,
  version: 'v1',
  kind,
  plural,
  namespaced: true,
});
const GitRepository = kindOf('source.toolkit.fluxcd.io', 'GitRepository', 'gitrepositories');
const Kustomization = kindOf('kustomize.toolkit.fluxcd.io', 'Kustomization', 'kustomizations');

const readyOf = ({ status }: FluxObject): Condition | undefined =>
  status?.conditions?.find(({ type }) => type === 'Ready');

let requests = 0;

/** Waits until such an object is so. */
async function untilSo(
  kind: Kind<FluxObject>,
  name: string,
  { what, holds }: { what: string; holds: (object: FluxObject) => boolean },
): Promise<FluxObject> {
  let last: FluxObject | undefined;
  const ask = async (): Promise<FluxObject | undefined> => {
    last = await world().kube.get(kind, { namespace: NAMESPACE, name });
    return last && holds(last) ? last : undefined;
  };
  return eventually(`${kind.kind} ${name}: ${what}`, ask, 120).catch((cause: Error) => {
    throw new Error(`${cause.message}; it is ${JSON.stringify(last?.status, undefined, 1)}`, { cause });
  });
}

/** Asks for a reconciliation, as `flux reconcile` does; resolves to the request. */
async function request(kind: Kind<FluxObject>, name: string): Promise<string> {
  const at = `${Date.now()}-${++requests}`;
  await world().kube.patch(
    kind,
    { namespace: NAMESPACE, name },
    { metadata: { annotations: { [REQUEST]: at } } },
  );
  return at;
}

const HEALTH: Record<Health, (ready: Condition) => boolean> = {
  Progressing: ({ status, reason }) => status === 'Unknown' && reason === 'Progressing',
  Healthy: ({ status }) => status === 'True',
  Degraded: ({ status, reason }) => status === 'False' && reason === 'HealthCheckFailed',
};

/** A Kustomization, and what is in Git for it. */
export class FluxPlace implements Place {
  readonly #git: GitServer;
  readonly #source: string;
  readonly name: string;
  /** Of its latest commit, as Flux calls it. */
  revision = '';

  constructor(git: GitServer, source: string, name: string) {
    this.#git = git;
    this.#source = source;
    this.name = name;
  }

  /** `beside`: what else is in the commit, by path in the repository. */
  async commit(changes: Changes, beside: Changes = {}): Promise<string> {
    const commit = await this.#git.commit({ ...below(this.name, changes), ...beside });
    this.revision = `main@sha1:${commit}`;
    await request(GitRepository, this.#source);
    await untilSo(GitRepository, this.#source, {
      what: 'the commit is fetched',
      holds: ({ status }) => status?.artifact?.revision === this.revision,
    });
    await this.#eventually(
      'the commit is seen',
      ({ status }) => status?.lastAttemptedRevision === this.revision,
    );
    return this.revision;
  }

  shows(health: Health, revision = this.revision): Promise<FluxObject> {
    return this.#eventually(health, (seen) => {
      const ready = readyOf(seen);
      return ready !== undefined && seen.status?.lastAttemptedRevision === revision && HEALTH[health](ready);
    });
  }

  /** Waits until it waits for what it depends on. */
  isHeldBack(): Promise<FluxObject> {
    return this.#eventually('held back', (seen) => readyOf(seen)?.reason === 'DependencyNotReady');
  }

  /** At its next look, which is asked for here. */
  heals(): Promise<void> {
    return this.syncAgain();
  }

  async syncAgain(): Promise<void> {
    const at = await request(Kustomization, this.name);
    await this.#eventually(
      'reconciled again',
      (seen) => seen.status?.lastHandledReconcileAt === at && readyOf(seen)?.status !== 'Unknown',
    );
  }

  async refuses(revision: string, says: RegExp): Promise<void> {
    await this.#eventually(`${revision} fails with ${says}`, (seen) => {
      const { status, message = '' } = readyOf(seen) ?? {};
      return status === 'False' && seen.status?.lastAttemptedRevision === revision && says.test(message);
    });
  }

  async message(): Promise<string> {
    const seen = await world().kube.get(Kustomization, { namespace: NAMESPACE, name: this.name });
    return (seen && readyOf(seen)?.message) ?? '';
  }

  #eventually(what: string, holds: (object: FluxObject) => boolean): Promise<FluxObject> {
    return untilSo(Kustomization, this.name, { what, holds });
  }
}

export interface Flux {
  /** The Kustomization of config/gitops under a name, with the folder of that name. */
  place(name: string, namespace: string): Promise<FluxPlace>;
  /** The one that comes after `trials`. */
  after(namespace: string): Promise<FluxPlace>;
  stop(): Promise<void>;
}

async function startProcesses(sources: GitOpsProgram, kustomize: GitOpsProgram): Promise<Running[]> {
  const env = (folder: string) => ({
    KUBECONFIG: kubeconfig,
    RUNTIME_NAMESPACE: NAMESPACE,
    HOME: folder,
    TMPDIR: folder,
  });
  const common = ['--watch-all-namespaces=false', '--events-addr=', '--metrics-addr=127.0.0.1:0'];
  mkdirSync(paths.log, { recursive: true });
  const log = (name: string): string => join(paths.log, `flux-${name}.log`);
  const fetching = await startServer(sources.program, async (address, folder) => ({
    args: [
      ...common,
      '--health-addr=127.0.0.1:0',
      `--storage-path=${folder}`,
      `--storage-addr=${address}`,
      `--storage-adv-addr=${address}`,
    ],
    env: env(folder),
    log: log('sources'),
  }));
  const applying = await startServer(kustomize.program, async (address, folder) => ({
    args: [...common, `--health-addr=${address}`, '--requeue-dependency=1s', `--feature-gates=${GATE}=true`],
    env: env(folder),
    log: log('kustomizations'),
  }));
  return [applying, fetching];
}

/** Without it a commit waits until the Trials of the one before have ended. */
const GATE = 'CancelHealthCheckOnNewRevision';

/** What the Kustomizations brought goes with the stories' namespaces; their finalizers would wait for controllers that are gone. */
async function clear(): Promise<void> {
  for (const kind of [Kustomization, GitRepository])
    for (const { metadata } of await world().kube.list(kind, { namespace: NAMESPACE }))
      await world().kube.patch(kind, { namespace: NAMESPACE, name: metadata.name }, NO_FINALIZERS);
  await kubectlOk(['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--timeout=60s']);
}

const NO_FINALIZERS = { metadata: { finalizers: null } };

export async function startFlux(): Promise<Flux> {
  const sources = await ensureGitOps('source-controller');
  const kustomize = await ensureGitOps('kustomize-controller');
  const definitions = [sources, kustomize].flatMap(({ crds }) => ['-f', crds]);
  await kubectlOk(['apply', '--server-side', '--force-conflicts', ...definitions]);
  await areEstablished(definitions);
  await clear();
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } };
  await kubectlOk(['apply', '-f', '-'], namespace);
  const git = await startGitServer();
  const processes = await startProcesses(sources, kustomize);
  const [repository, kustomization] = gitopsManifests('flux/trials.yaml') as FluxObject[];
  if (!repository || !kustomization) throw new Error('config/gitops/flux/trials.yaml says too little');
  await world().kube.create(GitRepository, { ...repository, spec: { ...repository.spec, url: git.url } });
  const create = async ({ metadata, spec, ...manifest }: FluxObject, more: object, name = metadata.name) => {
    const named = { ...manifest, metadata: { ...metadata, name }, spec: { ...spec, ...more } };
    await world().kube.create(Kustomization, named);
    return new FluxPlace(git, repository.metadata.name, name);
  };
  return {
    async place(name, targetNamespace) {
      await git.commit(below(name, { 'README.md': 'Trials.\n' }));
      return create(kustomization, { path: `./${name}`, targetNamespace }, name);
    },
    after: (targetNamespace) =>
      create(gitopsManifests('flux/after.yaml')[0] as FluxObject, { targetNamespace }),
    async stop() {
      for (const each of processes) await each.stop();
      await git.stop();
      await clear();
      await kubectlOk(['delete', '--timeout=60s', ...definitions]);
    },
  };
}
