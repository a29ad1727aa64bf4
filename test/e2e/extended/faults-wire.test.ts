/** A proxy between an operator and the real API server fails for a minute. The operator is a process on this machine, its Trials run on nodes without machines. */
import { KubeConfig, type Cluster } from '@kubernetes/client-node';
import { expect } from 'chai';
import { setTimeout as wait } from 'node:timers/promises';
import { PLACING, startNodes } from '../../../bench/scale/nodes.ts';
import { withoutOperator } from '../../../bench/scale/ways.ts';
import { startOperator, type OwnOperator } from '../../../bench/support/own-operator.ts';
import { allEnd, createTrial, makeTask } from '../../../bench/support/trials.ts';
import { BROKER, OPERATOR } from '../../../src/installation/names.ts';
import { kubeconfig, kubectlOk } from '../../support/cluster.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { Wire } from '../../support/wire.ts';
import { registry, s3 } from '../cluster/index.ts';
import { world } from '../support/world.ts';

const FAULT_MS = 60_000;
const MANY = 30;
const SOME = 10;

/** As the operator in the cluster, through `wire`: what admission allows the operator is allowed to nobody else. */
async function configThrough(wire: Wire, cluster: Cluster): Promise<string> {
  const account = ['create', 'token', OPERATOR.name, '-n', OPERATOR.namespace];
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { ...cluster, server: wire.url },
    { name: 'operator', token: (await kubectlOk(account)).trim() },
  );
  return config.exportConfig();
}

const settings = {
  SB_PROFILE: 'local',
  SB_S3_ENDPOINT: s3.endpoint,
  SB_S3_PUBLIC_ENDPOINT: s3.endpoint,
  SB_S3_BUCKET: s3.bucket,
  SB_S3_REGION: s3.region,
  SB_IMAGE_REPOSITORY: `${registry.inCluster}/tasks`,
  SB_BUILDKIT_ADDR: 'tcp://buildkit.invalid:1234',
  SB_BUILDCTL_IMAGE: 'buildctl.invalid/buildctl:none',
  SB_REGISTRY_MIRRORS: `docker.io=${registry.host}`,
  // The certificate stays as it is.
  SB_BROKER_URL: `https://${BROKER.service}.${OPERATOR.namespace}.svc:${BROKER.port}`,
  AWS_ACCESS_KEY_ID: s3.accessKeyId,
  AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
};

const FAULTS: Record<string, (wire: Wire) => Promise<void>> = {
  'takes everything in and lets nothing through': async (wire) => {
    wire.hold();
    await wait(FAULT_MS);
    wire.open();
  },
  'forgets all connections and tells nobody': async (wire) => wire.forget(),
  'takes 5 s each way': async (wire) => {
    wire.delay(5000);
    await wait(FAULT_MS);
    wire.delay(0);
  },
};

describe('an operator that reaches the API server through a proxy', function () {
  this.timeout(600_000);
  const ending = new AsyncDisposableStack();
  let wire: Wire;

  before(async () => {
    const over = Promise.withResolvers<void>();
    const alone = Promise.withResolvers<void>();
    const restored = withoutOperator(async () => {
      alone.resolve();
      await over.promise;
    });
    ending.defer(async () => {
      over.resolve();
      await restored;
    });
    await Promise.race([alone.promise, restored]);
    const nodes = await startNodes({ startMs: 100, runMs: 2000 });
    ending.use(nodes);
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    const cluster = config.getCurrentCluster()!;
    wire = await Wire.start(cluster.server);
    ending.defer(() => wire.close());
    const operator: OwnOperator = await startOperator(await configThrough(wire, cluster), settings);
    ending.defer(() => operator.stop());
    await makeTask(world());
  });
  after(() => ending.disposeAsync());

  for (const [index, [what, disturb]] of Object.entries(FAULTS).entries())
    it(`loses nothing and makes no Job twice where that ${what}`, async () => {
      const { jobs, trials, namespace } = world();
      const create = async (prefix: string, count: number): Promise<string[]> => {
        const names = Array.from({ length: count }, (_, nth) => `wire-${index}-${prefix}-${nth}`);
        await Promise.all(names.map((name) => createTrial(world(), name, { scheduling: PLACING })));
        return names;
      };
      const made = new Map<string, Set<string>>();
      const stop = jobs.subscribe(({ object: { metadata } }) => {
        const uids = made.get(metadata.name) ?? new Set();
        if (metadata.namespace === namespace) made.set(metadata.name, uids.add(metadata.uid ?? ''));
      });
      const names = await create('before', MANY);
      await eventuallyTrue('it is in the middle of them', () => made.size >= MANY / 3);
      const disturbed = disturb(wire);
      names.push(...(await create('during', SOME)));
      await disturbed;
      names.push(...(await create('after', SOME)));
      await allEnd(world(), names);
      stop();
      for (const name of names) {
        expect([...(made.get(`${name}-1`) ?? [])], name).to.have.length(1);
        expect(trials.get({ namespace, name })?.status?.attempts, name).to.have.length(1);
      }
    });
});
