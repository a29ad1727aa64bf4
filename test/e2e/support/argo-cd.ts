/** Argo CD on this machine, which syncs repositories into the local cluster: its controllers as processes, its objects in the cluster. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Kind, KubeObject } from '../../../src/kube/types.ts';
import { areEstablished, kubeconfig, kubectlOk } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { gitopsFile, gitopsManifests } from '../../support/gitops.ts';
import { startServer, type Running } from '../../support/programs.ts';
import { ensureGitOps, paths } from '../cluster/index.ts';
import { below, startGitServer, type Changes, type GitServer } from './git-server.ts';
import type { Place } from './git-stories.ts';
import { world } from './world.ts';

const NAMESPACE = 'argocd';
const REFRESH = 'argocd.argoproj.io/refresh';

interface Operation {
  phase: string;
  message?: string;
  retryCount?: number;
  startedAt?: string;
  finishedAt?: string;
  syncResult?: { revision: string; resources?: { kind: string; name: string; message?: string }[] };
}

interface ApplicationObject extends KubeObject {
  operation?: object;
  spec?: { source: { repoURL: string; path: string }; destination: { namespace: string } };
  status?: {
    sync?: { status: 'Synced' | 'OutOfSync' | 'Unknown'; revision?: string };
    health?: { status: string };
    operationState?: Operation;
    resources?: { kind: string; name: string; health?: { status: string; message?: string } }[];
  };
}

const Application: Kind<ApplicationObject> = {
  group: 'argoproj.io',
  version: 'v1alpha1',
  kind: 'Application',
  plural: 'applications',
  namespaced: true,
};

/** What it needs to find before it starts; its own server would write some of that. */
const OBJECTS: KubeObject[] = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'argocd-cm', namespace: NAMESPACE, labels: { 'app.kubernetes.io/part-of': 'argocd' } },
  },
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: 'argocd-secret',
      namespace: NAMESPACE,
      labels: { 'app.kubernetes.io/part-of': 'argocd' },
    },
    stringData: { 'server.secretkey': 'none-of-these-stories-logs-in' },
  } as KubeObject,
  {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'AppProject',
    metadata: { name: 'default', namespace: NAMESPACE },
    spec: {
      sourceRepos: ['*'],
      destinations: [{ namespace: '*', server: '*' }],
      clusterResourceWhitelist: [{ group: '*', kind: '*' }],
    },
  } as KubeObject,
];

/** What went wrong, also where it is tried again; empty where nothing did. */
function failureOf({ phase, retryCount = 0, message = '', syncResult }: Operation): string {
  if (phase !== 'Failed' && retryCount === 0) return '';
  return [message, ...(syncResult?.resources ?? []).map((each) => each.message)].join('\n');
}

/** An Application, and what is in Git for it. */
export class ArgoApplication implements Place {
  readonly #git: GitServer;
  readonly name: string;
  #revision = '';

  constructor(git: GitServer, name: string) {
    this.#git = git;
    this.name = name;
  }

  get key(): { namespace: string; name: string } {
    return { namespace: NAMESPACE, name: this.name };
  }

  async commit(changes: Changes): Promise<string> {
    this.#revision = await this.#git.commit(below(this.name, changes));
    await this.#refresh('normal');
    await this.#eventually('the commit is seen', ({ status }) => status?.sync?.revision === this.#revision);
    return this.#revision;
  }

  /** As a webhook of the repository asks for it, or somebody who presses the button. */
  async #refresh(how: 'normal' | 'hard'): Promise<void> {
    await world().kube.patch(Application, this.key, { metadata: { annotations: { [REFRESH]: how } } });
    await this.#eventually('refreshed', ({ metadata }) => metadata.annotations?.[REFRESH] === undefined);
  }

  shows(health: string): Promise<ApplicationObject> {
    return this.#eventually(
      `Synced and ${health}`,
      ({ status }) =>
        status?.sync?.status === 'Synced' &&
        status.sync.revision === this.#revision &&
        status.health?.status === health,
    );
  }

  async heals(): Promise<void> {
    // By itself.
  }

  async syncAgain(): Promise<void> {
    await this.#refresh('hard');
    // One that is asked for while another one ends is lost.
    await this.#eventually(
      'idle',
      ({ operation, status }) => operation === undefined && status?.operationState?.phase !== 'Running',
    );
    const before = (await this.seen()).status?.operationState?.startedAt;
    const operation = { initiatedBy: { username: 'somebody' }, sync: { revision: this.#revision } };
    await world().kube.patch(Application, this.key, { operation });
    await this.#eventually(
      'another sync',
      ({ status }) =>
        status?.operationState?.startedAt !== before && status?.operationState?.phase === 'Succeeded',
    );
  }

  async refuses(revision: string, says: RegExp): Promise<void> {
    await this.#eventually(
      `the sync of ${revision.slice(0, 7)} fails with ${says}`,
      ({ status }) =>
        status?.operationState?.syncResult?.revision === revision &&
        says.test(failureOf(status.operationState)),
    );
  }

  /** Waits until the sync of the commit is over, hooks among it. */
  async ends(revision: string): Promise<Operation | undefined> {
    const { status } = await this.#eventually(
      `the sync of ${revision.slice(0, 7)} succeeds`,
      (seen) =>
        seen.status?.operationState?.phase === 'Succeeded' &&
        seen.status.operationState.syncResult?.revision === revision,
    );
    return status?.operationState;
  }

  /** What it shows of a Trial. */
  async healthOf(name: string): Promise<{ status: string; message?: string } | undefined> {
    const { status } = await this.seen();
    return status?.resources?.find((each) => each.kind === 'Trial' && each.name === name)?.health;
  }

  async seen(): Promise<ApplicationObject> {
    const found = await world().kube.get(Application, this.key);
    if (!found) throw new Error(`there is no Application ${this.name}`);
    return found;
  }

  async #eventually(
    what: string,
    holds: (application: ApplicationObject) => boolean,
  ): Promise<ApplicationObject> {
    let last: ApplicationObject | undefined;
    const ask = async (): Promise<ApplicationObject | undefined> => {
      last = await this.seen();
      return holds(last) ? last : undefined;
    };
    return eventually(`Application ${this.name}: ${what}`, ask, 120).catch((cause: Error) => {
      throw new Error(`${cause.message}; it is ${JSON.stringify(last?.status, undefined, 1)}`, { cause });
    });
  }
}

export interface ArgoCd {
  /** The Application of config/gitops, of the path that is called as it is. */
  application(name: string, namespace: string): Promise<ArgoApplication>;
  stop(): Promise<void>;
}

async function startProcesses(program: string): Promise<Running[]> {
  const log = (name: string): string => join(paths.log, `argo-cd-${name}.log`);
  mkdirSync(paths.log, { recursive: true });
  const redis = await startServer(program, async (address) => ({
    args: ['redis', address],
    log: log('redis'),
  }));
  const repositories = await startServer(program, async (address, folder) => {
    const [host = '', port = ''] = address.split(':');
    return {
      args: [
        'argocd-repo-server',
        `--address=${host}`,
        `--port=${port}`,
        `--metrics-address=${host}`,
        '--metrics-port=0',
        `--redis=${redis.address}`,
        '--disable-tls',
      ],
      env: {
        ARGOCD_GPG_ENABLED: 'false',
        ARGOCD_ASK_PASS_SOCK: join(folder, 'ask-pass'),
        KUBECONFIG: kubeconfig,
        TMPDIR: folder,
        HOME: folder,
      },
      log: log('repositories'),
    };
  });
  const controller = await startServer(program, async (address, folder) => ({
    args: [
      'argocd-application-controller',
      `--namespace=${NAMESPACE}`,
      `--metrics-port=${address.split(':')[1]}`,
      `--redis=${redis.address}`,
      `--repo-server=${repositories.address}`,
      '--repo-server-plaintext',
      '--self-heal-timeout-seconds=1',
      '--persist-resource-health',
    ],
    env: { ARGOCD_FAKE_IN_CLUSTER: 'true', KUBECONFIG: kubeconfig, HOSTNAME: 'controller-0', HOME: folder },
    log: log('controller'),
  }));
  return [controller, repositories, redis];
}

/** Without finalizers: what the Applications brought stays until its namespace goes. */
const clear = (): Promise<string> =>
  kubectlOk(['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--timeout=60s']);

/** Installs what it needs in the cluster, with the health of config/gitops as its header says, and starts it. */
export async function startArgoCd(): Promise<ArgoCd> {
  const { program, crds } = await ensureGitOps('argo-cd');
  await clear();
  const definitions = ['application', 'appproject'].flatMap((name) => ['-f', join(crds, `${name}-crd.yaml`)]);
  await kubectlOk(['apply', '--server-side', '--force-conflicts', ...definitions]);
  await areEstablished(definitions);
  await kubectlOk(['apply', '-f', '-'], { apiVersion: 'v1', kind: 'List', items: OBJECTS });
  const patch = ['--patch-file', gitopsFile('argo-cd/health.yaml')];
  await kubectlOk(['patch', 'configmap', 'argocd-cm', '-n', NAMESPACE, ...patch]);
  const git = await startGitServer();
  const processes = await startProcesses(program);
  return {
    async application(name, destination) {
      await git.commit(below(name, { 'README.md': 'Trials.\n' }));
      const [manifest] = gitopsManifests('argo-cd/application.yaml') as ApplicationObject[];
      const { spec } = manifest ?? {};
      if (!manifest || !spec) throw new Error('there is no Application in config/gitops');
      await world().kube.create(Application, {
        ...manifest,
        metadata: { ...manifest.metadata, name },
        spec: {
          ...spec,
          source: { ...spec.source, repoURL: git.url, path: name },
          destination: { ...spec.destination, namespace: destination },
        },
      });
      return new ArgoApplication(git, name);
    },
    async stop() {
      for (const each of processes) await each.stop();
      await git.stop();
      await clear();
      await kubectlOk(['delete', '--timeout=60s', ...definitions]);
    },
  };
}
