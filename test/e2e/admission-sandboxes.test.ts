/** The policies and roles about Sandboxes on a real API server: who may make their Jobs, Pods and disks, whose Jobs they may take, and who may enter them. */
import { expect } from 'chai';
import { entryPolicyOf } from '../../src/controllers/network/manifests.ts';
import { claimName, LABEL, sandboxJobName } from '../../src/crds/names.ts';
import type { Trial } from '../../src/crds/trial.ts';
import { BROKER, OPERATOR, OPERATOR_LABELS, operatorUser } from '../../src/installation/names.ts';
import type { Job, PersistentVolumeClaim } from '../../src/kube/kinds.ts';
import { controlledBy } from '../../src/pods/ownership.ts';
import { aTrial } from '../support/builders/objects.ts';
import {
  dropNamespace,
  kubectl,
  kubectlOk,
  makeNamespace,
  needCluster,
  type Said,
} from '../support/cluster.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import {
  accepts,
  API_VERSION,
  bind,
  dryRun,
  jobOf,
  may,
  nowhere,
  plainJobOf,
  podOf,
  refuses,
  type Json,
  type PodSpec,
} from './support/admission.ts';

type Change = (job: Job, pod: PodSpec) => void;
type Marks = Record<string, string>;

/** Of no object: the operator's controllers leave alone what it owns, and admission does not look for it. */
const NOBODY = '00000000-0000-4000-8000-000000000000';
const operator = operatorUser();

let namespace = '';
let trial: Trial;

interface Made {
  /** The Sandbox or the pool. */
  name: string;
  label: 'sandbox' | 'pool';
  uid?: string;
}
const BOX: Made = { name: 'box', label: 'sandbox' };
const POND: Made = { name: 'pond', label: 'pool' };

const ownerOf = ({ name, uid = NOBODY }: Pick<Made, 'name' | 'uid'>) =>
  controlledBy({ kind: 'Sandbox', metadata: { name, uid } });

/** The first Job of a Sandbox or a pool, as a change leaves it, whose Pod is a Trial's: the policies ask of both the same. */
const jobFor = (made: Made, change: Change = () => {}): Job =>
  jobOf(trial, (job, pod) => {
    const labels: Marks = {
      [LABEL.sandbox]: made.name,
      ...(made.label === 'pool' && { [LABEL.pool]: made.name }),
      [LABEL.attempt]: '1',
      [LABEL.network]: 'public',
    };
    job.metadata = {
      name: sandboxJobName(made.name, 1),
      namespace,
      labels: { ...labels },
      ownerReferences: [ownerOf(made)],
    };
    job.spec!.template.metadata = { labels: { ...labels } };
    change(job, pod);
  });

const claimed = (pod: PodSpec, name: string): void =>
  void pod.volumes!.push({ name: 'data', persistentVolumeClaim: { claimName: name } });

/** The claim of a Sandbox's volume, as a change leaves it. */
function claim(change: (claim: PersistentVolumeClaim) => void = () => {}): PersistentVolumeClaim {
  const made: PersistentVolumeClaim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: claimName('box', 'data'),
      namespace,
      labels: { [LABEL.sandbox]: 'box' },
      ownerReferences: [ownerOf(BOX)],
    },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  };
  change(made);
  return made;
}

describe('The admission policies about Sandboxes', function () {
  this.timeout(60_000);

  before(async function () {
    await needCluster(this);
    namespace = await makeNamespace('admission');
    trial = aTrial({ spec: { scheduling: nowhere } });
    Object.assign(trial.metadata, { namespace });
    for (const [user, role] of [
      ['mallory', 'edit'],
      ['alice', 'sb-edit'],
      ['bob', 'sb-view'],
    ] as const)
      await bind(namespace, role, user);
  });
  after(async () => {
    if (namespace) await dropNamespace(namespace);
  });

  describe('with a stolen token of the operator', () => {
    const create = (object: object): Promise<Said> => dryRun(object, operator);

    it('take the Job of a Sandbox, that of a pool, and a Sandbox’s own disk in its Job', async () => {
      accepts(await create(jobFor(BOX)));
      accepts(await create(jobFor(POND)));
      accepts(await create(jobFor(BOX, (_, pod) => claimed(pod, claimName('box', 'data')))));
    });

    it('take the Job of a Sandbox as earlier versions called it, which lead until they are replaced', async () => {
      accepts(await create(jobFor(BOX, (job) => (job.metadata.name = 'box-1'))));
    });

    const forbidden: [title: string, because: string, made: Made, change: Change][] = [
      [
        'a folder of the node',
        'volumes',
        BOX,
        (_, pod) => pod.volumes!.push({ name: 'host', hostPath: { path: '/' } }),
      ],
      ['the disk of another', 'volumes', BOX, (_, pod) => claimed(pod, claimName('other', 'data'))],
      [
        'the disk of one whose name begins so',
        'volumes',
        BOX,
        (_, pod) => claimed(pod, claimName('boxer', 'data')),
      ],
      [
        'a disk that is no Sandbox’s, though it is called so',
        'volumes',
        BOX,
        (_, pod) => claimed(pod, 'box-data'),
      ],
      ['a disk for a pool', 'volumes', POND, (_, pod) => claimed(pod, claimName('pond', 'data'))],
      [
        'a disk for a Trial',
        // Where two policies refuse, the API server reports one.
        'ValidatingAdmissionPolicy',
        BOX,
        (job, pod) => {
          job.metadata.ownerReferences![0]!.kind = 'Trial';
          job.metadata.labels = { [LABEL.trial]: 'box', [LABEL.attempt]: '1' };
          claimed(pod, claimName('box', 'data'));
        },
      ],
      [
        'a privileged container',
        'not privileged',
        BOX,
        (_, pod) => (pod.containers[0]!.securityContext = { privileged: true }),
      ],
      ['another name', 'name and the labels', BOX, (job) => (job.metadata.name = sandboxJobName('other', 1))],
      [
        'the name of another attempt',
        'name and the labels',
        BOX,
        (job) => (job.metadata.name = sandboxJobName('box', 2)),
      ],
      [
        'another Sandbox’s label',
        'name and the labels',
        BOX,
        (job) => (job.metadata.labels![LABEL.sandbox] = 'other'),
      ],
      [
        'the label of a Trial besides',
        'ValidatingAdmissionPolicy',
        BOX,
        (job) => (job.metadata.labels![LABEL.trial] = 'box'),
      ],
      [
        'another’s pool',
        'name and the labels',
        BOX,
        (job) => {
          job.metadata.name = sandboxJobName('pond', 1);
          job.metadata.labels![LABEL.pool] = 'pond';
        },
      ],
      [
        'Pods of another Sandbox',
        'have its labels',
        BOX,
        (job) => (job.spec!.template.metadata!.labels![LABEL.sandbox] = 'other'),
      ],
      [
        'Pods of a pool besides',
        'have its labels',
        BOX,
        (job) => (job.spec!.template.metadata!.labels![LABEL.pool] = 'box'),
      ],
    ];
    for (const [title, because, made, change] of forbidden)
      it(`refuse a Job with ${title}`, async () => refuses(await create(jobFor(made, change)), because));

    it('take a new disk for a Sandbox, and no copy of one, nor one that is there', async () => {
      const of = (change: (spec: NonNullable<PersistentVolumeClaim['spec']>) => void) =>
        create(claim(({ spec }) => change(spec!)));
      accepts(await create(claim()));
      refuses(
        await of((spec) => (spec.dataSource = { kind: 'PersistentVolumeClaim', name: 'theirs' })),
        'begins empty',
      );
      refuses(await of((spec) => (spec.volumeName = 'theirs')), 'begins empty');
      refuses(await create(claim(({ metadata }) => (metadata.name = 'theirs'))), 'called after it');
      refuses(await create(claim(({ metadata }) => (metadata.ownerReferences = []))), 'owned by a Sandbox');
    });

    it('take the NetworkPolicy that lets it into Sandboxes, and none that lets it into other Pods', async () => {
      const broker = { namespace: OPERATOR.namespace, labels: { ...OPERATOR_LABELS }, port: BROKER.port };
      const policy = entryPolicyOf('sandboxes', namespace, { broker, apiServers: [], allowed: [] });
      accepts(await create(policy));
      refuses(
        await create({ ...policy, spec: { ...policy.spec, podSelector: {} } }),
        'about Pods of Trials and Sandboxes',
      );
      refuses(
        await create({ ...policy, metadata: { ...policy.metadata, name: 'mine' } }),
        'writes no NetworkPolicy',
      );
    });
  });

  describe('with a user who may edit the namespace', () => {
    it('refuse a Pod in the name of a Sandbox or of a pool', async () => {
      for (const label of [LABEL.sandbox, LABEL.pool])
        refuses(
          await dryRun(podOf(namespace, { labels: { [label]: 'box', [LABEL.attempt]: '1' } }), 'mallory'),
          'belong to Pods of the operator',
        );
    });

    it('refuse a Job that makes such Pods', async () => {
      const because = 'belong to Jobs of the operator';
      for (const label of [LABEL.sandbox, LABEL.pool]) {
        const metadata = { labels: { [label]: 'box' } };
        refuses(await dryRun(plainJobOf(namespace, metadata, {}), 'mallory'), because);
        refuses(await dryRun(plainJobOf(namespace, {}, { metadata }), 'mallory'), because);
      }
      refuses(await dryRun(jobFor(BOX), 'mallory'), because);
    });

    it('refuse a disk that waits for a Sandbox to come, whoever it says it is of', async () => {
      const because = 'belong to PersistentVolumeClaims of the operator';
      const of = (change: (metadata: PersistentVolumeClaim['metadata']) => void) =>
        dryRun(
          claim(({ metadata }) => change(metadata)),
          'mallory',
        );
      refuses(await of(() => {}), because);
      refuses(
        await of((metadata) => void (delete metadata.labels, delete metadata.ownerReferences)),
        because,
      );
      refuses(await of((metadata) => (metadata.name = 'box-data')), because);
      accepts(await of((metadata) => void ((metadata.name = 'box-data'), delete metadata.labels)));
    });

    it('keep the disk of a Sandbox its own', async () => {
      // Its Sandbox is suspended, and no class provides for it.
      const sandbox = {
        apiVersion: API_VERSION,
        kind: 'Sandbox',
        metadata: { name: 'owner', namespace },
        spec: { image: 'debian', operatingMode: 'Suspended' },
      };
      const made = JSON.parse(await kubectlOk(['create', '-f', '-', '-o', 'json'], sandbox)) as Job;
      const disk = claim(({ metadata, spec }) => {
        metadata.name = claimName('owner', 'data');
        metadata.ownerReferences = [ownerOf({ name: 'owner', uid: made.metadata.uid ?? '' })];
        spec!.storageClassName = 'none';
      });
      await kubectlOk(['create', '-f', '-', `--as=${operator}`], disk);
      const patch = (change: object): Promise<Said> => {
        const how = ['--type=merge', '--dry-run=server', '--as=mallory', '-p', JSON.stringify(change)];
        return kubectl(['patch', 'pvc', disk.metadata.name, '-n', namespace, ...how]);
      };
      const because = 'cannot be changed';
      refuses(await patch({ metadata: { ownerReferences: [ownerOf(BOX)] } }), because);
      refuses(await patch({ metadata: { labels: { [LABEL.sandbox]: 'other' } } }), because);
      accepts(await patch({ metadata: { labels: { app: 'own' } } }));
    });
  });

  describe('with the Job of a pool', () => {
    const patch = (job: string, change: object, user: string): Promise<Said> => {
      const how = ['--type=merge', '--dry-run=server', `--as=${user}`, '-p', JSON.stringify(change)];
      return kubectl(['patch', 'job', job, '-n', namespace, ...how]);
    };
    /** Creates a Job that stays, whatever the operator's controllers make of it. */
    const kept: string[] = [];
    const keep = async (job: Job): Promise<void> => {
      job.metadata.finalizers = ['sb.test/kept'];
      Object.assign(job.spec!.template.spec!, nowhere);
      await kubectlOk(['create', '-f', '-', `--as=${operator}`], job);
      kept.push(job.metadata.name);
    };
    after(async () => {
      const change = ['--type=merge', '-p', '{"metadata":{"finalizers":null}}', '-n', namespace];
      for (const job of kept) await kubectl(['patch', 'job', job, ...change]);
    });
    const taking = (labels: Json = {}, owners: object[] = [ownerOf(BOX)]): object => ({
      metadata: { labels: { [LABEL.sandbox]: 'box', ...labels }, ownerReferences: owners },
    });

    before(async () => {
      const pool = {
        apiVersion: API_VERSION,
        kind: 'Sandbox',
        metadata: { name: POND.name, namespace },
        // The operator waits for a build that never comes.
        spec: { buildRef: { name: 'none' }, pool: { size: 1 } },
      };
      const { metadata } = JSON.parse(await kubectlOk(['create', '-f', '-', '-o', 'json'], pool)) as Job;
      await keep(jobFor({ ...POND, uid: metadata.uid ?? '' }));
    });

    it('let the operator give it to a Sandbox', async () => {
      accepts(await patch('pond-s1', taking(), operator));
    });

    it('let nobody else do so', async () => {
      refuses(await patch('pond-s1', taking(), 'mallory'), 'cannot be changed');
      const owners = { metadata: { ownerReferences: [ownerOf(BOX)] } };
      refuses(await patch('pond-s1', owners, 'mallory'), 'gets no other owner');
      accepts(await patch('pond-s1', { metadata: { labels: { app: 'own' } } }, 'mallory'));
    });

    it('let the operator change nothing else of it', async () => {
      const owners = { metadata: { ownerReferences: [ownerOf(BOX)] } };
      refuses(await patch('pond-s1', owners, operator), 'name and the labels');
      const label = { metadata: { labels: { [LABEL.sandbox]: 'box' } } };
      refuses(await patch('pond-s1', label, operator), 'name and the labels');
      refuses(await patch('pond-s1', taking({ [LABEL.sandbox]: 'else' }), operator), 'name and the labels');
      // Two policies refuse these, and the API server reports one.
      for (const labels of [{ [LABEL.pool]: null }, { [LABEL.attempt]: '2' }])
        refuses(await patch('pond-s1', taking(labels), operator), 'ValidatingAdmissionPolicy');
      const two = [ownerOf(BOX), { ...ownerOf(POND), controller: false }];
      refuses(await patch('pond-s1', taking({}, two), operator), 'by nothing else');
      refuses(await patch('pond-s1', { ...taking(), spec: { parallelism: 5 } }, operator), 'changes no Job');
    });

    it('let it take no Job of a Trial', async () => {
      const suspended = aTrial({ spec: { suspend: true, scheduling: nowhere } });
      Object.assign(suspended.metadata, { namespace, uid: undefined, resourceVersion: undefined });
      const made = JSON.parse(await kubectlOk(['create', '-f', '-', '-o', 'json'], suspended)) as Trial;
      const job = jobOf(made);
      await keep(job);
      refuses(await patch(job.metadata.name, taking(), operator), 'ValidatingAdmissionPolicy');
    });

    it('keep the labels of its Pod', async () => {
      let pod = '';
      await eventuallyTrue('the Job controller has created the Pod', async () => {
        const args = ['get', 'pods', '-n', namespace, '-l', `${LABEL.pool}=pond`, '-o', 'name'];
        pod = (await kubectlOk(args)).trim();
        return pod !== '';
      });
      const label = ['label', pod, '-n', namespace, '--overwrite', '--dry-run=server'];
      for (const user of ['mallory', operator])
        expect((await kubectl([...label, `${LABEL.sandbox}=box`, `--as=${user}`])).code).not.to.equal(0);
      refuses(await kubectl([...label, `${LABEL.sandbox}=box`, '--as=mallory']), 'cannot be changed');
    });
  });

  it('refuse a Sandbox of more than 128 KiB', async () => {
    const env = Array.from({ length: 5 }, (_, index) => ({ name: `V${index}`, value: 'x'.repeat(32_768) }));
    const sandbox = {
      apiVersion: API_VERSION,
      kind: 'Sandbox',
      metadata: { name: 'large', namespace },
      spec: { image: 'debian', env },
    };
    refuses(await dryRun(sandbox, 'alice'), 'more than 131072');
    accepts(await dryRun({ ...sandbox, spec: { image: 'debian', env: env.slice(0, 3) } }, 'alice'));
  });

  describe('and the roles', () => {
    it('let those who edit make and enter Sandboxes, and those who view only see them', async () => {
      const asked = ['create sandboxes', 'create sandboxes/exec', 'get sandboxes'];
      const rights = (user: string) => Promise.all(asked.map((one) => may(user, one, namespace)));
      expect(await rights('alice')).to.deep.equal([true, true, false]);
      expect(await rights('bob')).to.deep.equal([false, false, true]);
      expect(await rights('mallory')).to.deep.equal([false, false, false]);
      expect(await may('alice', 'create pods/exec', namespace)).to.equal(false);
    });

    it('let everybody who is logged in read the broker’s CA, and nobody write it', async () => {
      const as = ['-n', OPERATOR.namespace, '--as=mallory', '--as-group=system:authenticated'];
      const can = async (verb: string): Promise<boolean> =>
        (await kubectl(['auth', 'can-i', verb, `configmap/${BROKER.authority}`, ...as])).code === 0;
      expect(await Promise.all(['get', 'update', 'patch', 'delete'].map(can))).to.deep.equal([
        true,
        false,
        false,
        false,
      ]);
      const read = ['get', 'configmap', BROKER.authority, '-o', 'jsonpath={.data.ca\\.crt}', ...as];
      expect(await kubectlOk(read)).to.contain('BEGIN CERTIFICATE');
    });

    it('let the operator ask who a caller is, and enter no Pod', async () => {
      for (const asked of ['create tokenreviews', 'create subjectaccessreviews'])
        expect(await may(operator, asked, namespace), asked).to.equal(true);
      for (const asked of ['create pods/exec', 'create sandboxes/exec', 'create pods/portforward'])
        expect(await may(operator, asked, namespace), asked).to.equal(false);
    });
  });
});
