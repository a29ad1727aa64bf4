/** The real cluster as the stories see it: one connection, one watch of each kind and one namespace in each process of a run. */
import { KubeConfig } from '@kubernetes/client-node';
import { TaskBuild, Trial } from '../../../src/crds/kinds.ts';
import { connect } from '../../../src/kube/connect.ts';
import { Job, Namespace, Pod } from '../../../src/kube/kinds.ts';
import { Operator } from '../../../src/kube/operator.ts';
import type { KubeClient } from '../../../src/kube/types.ts';
import { byControllerUid } from '../../../src/pods/ownership.ts';
import type { ArtifactStore } from '../../../src/providers/artifact-store/port.ts';
import { s3ArtifactStore } from '../../../src/providers/artifact-store/s3.ts';
import { dropNamespace, kubeconfig, makeNamespace } from '../../support/cluster.ts';
import { recordingLog } from '../../support/kube.ts';
import { s3 } from '../cluster/index.ts';

/** Watches and does nothing; what it sees is kept up to date while API servers come and go. */
class Observatory extends Operator {
  readonly trials = this.watch(Trial);
  readonly taskBuilds = this.watch(TaskBuild);
  readonly jobs = this.watch(Job, { indexers: { owner: byControllerUid } });
  readonly pods = this.watch(Pod, { indexers: { owner: byControllerUid } });

  protected override init(): Promise<void> {
    return Promise.resolve();
  }
}

export interface World extends Pick<Observatory, 'trials' | 'taskBuilds' | 'jobs' | 'pods'> {
  kube: KubeClient;
  artifacts: ArtifactStore;
  namespace: string;
  /** A further namespace, which goes with the others. */
  makeNamespace(): Promise<string>;
  /** Whether any process of this run made the namespace. */
  isOurs(namespace: string): boolean;
  /** Removes all namespaces of the run. */
  close(): Promise<void>;
}

/** What the names of the stories' namespaces begin with; other tests write what they like into namespaces of their own. */
const PREFIX = 'e2e';

let opened: World | undefined;

/** The world of this run; there is none before `openWorld`. */
export function world(): World {
  if (!opened) throw new Error('the stories have no cluster yet: their root hooks did not run');
  return opened;
}

/** Opens it, once until it is closed. */
export async function openWorld(): Promise<World> {
  return (opened ??= await newWorld());
}

/** Connects, waits until everything in the cluster is known, and makes the namespace. */
async function newWorld(): Promise<World> {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(kubeconfig);
  const kube = connect({ kubeConfig, log: recordingLog() });
  const observatory = new Observatory({ kube, component: 'e2e', identity: 'e2e' });
  await observatory.start();
  await observatory.whenSynced();
  const { trials, taskBuilds, jobs, pods } = observatory;
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = s3;
  const artifacts = s3ArtifactStore({
    endpoint,
    region,
    bucket,
    credentials: { accessKeyId, secretAccessKey },
  });
  const theirs = new Set(await storyNamespaces(kube.client));
  const makeOne = (): Promise<string> => makeNamespace(PREFIX);
  return {
    kube: kube.client,
    trials,
    taskBuilds,
    jobs,
    pods,
    artifacts,
    namespace: await makeOne(),
    makeNamespace: makeOne,
    isOurs: (name) => isOfStories(name) && !theirs.has(name),
    close: async () => {
      opened = undefined;
      await observatory.stop();
      const all = await storyNamespaces(kube.client);
      await Promise.all(all.filter((name) => !theirs.has(name)).map(dropNamespace));
      await kube.close();
    },
  };
}

const isOfStories = (namespace: string): boolean => namespace.startsWith(`${PREFIX}-`);

const storyNamespaces = async (kube: KubeClient): Promise<string[]> =>
  (await kube.list(Namespace)).map(({ metadata }) => metadata.name).filter(isOfStories);
