/** What `sb` does for a researcher, with the rights of one. */
import { expect } from 'chai';
import { BUCKET, CREDENTIALS, REGION } from '../../../test/support/aws/facts.ts';
import { roleOf } from '../../../test/support/aws/iam/roles.ts';
import { openS3Door, type S3Door } from '../../../test/support/aws/s3-door.ts';
import { resultsOf } from '../../../test/support/client/doctor.ts';
import { world, type World } from '../../../test/support/client/world.ts';
import { MINIMAL, removeTaskFolder, taskFolder } from '../../../test/support/folder.ts';
import { skipWithout, type Running } from '../../../test/support/programs.ts';
import { startVersitygw } from '../../../test/support/versitygw.ts';
import { after as atSecond } from '../../../test/support/builders/objects.ts';
import { RESEARCHER } from '../../crds/namespace-rules.ts';
import { Namespace } from '../../kube/kinds.ts';
import { s3ArtifactStore } from '../../providers/artifact-store/s3.ts';
import { storeChecks } from '../diagnosis/doctor/store.ts';
import { explain } from '../failures/explain.ts';
import { reindexRun } from '../runs/reindex.ts';
import type { Session } from '../session/types.ts';
import { pushTasks } from './push.ts';

describe('sb for a researcher', () => {
  let s3: Running;
  let door: S3Door;
  let w: World;
  let folder: string;

  before(async function () {
    s3 = (await startVersitygw(BUCKET)) ?? skipWithout('versitygw', this);
    door = await openS3Door({ upstream: `http://${s3.address}`, role: roleOf('researcher') });
    w = await world();
    for (const name of ['ada', 'bob'])
      w.haveOf(Namespace, {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name, labels: { [RESEARCHER]: name } },
      });
    w.haveOf(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'agents' } });
    folder = await taskFolder(MINIMAL);
  });
  after(async () => {
    await removeTaskFolder(folder);
    await w?.close();
    await door?.close();
    await s3?.stop();
  });

  const store = () =>
    s3ArtifactStore({ bucket: BUCKET, region: REGION, endpoint: door.url, credentials: CREDENTIALS });
  const sessionIn = (namespace: string): Session => ({ ...w.session, namespace, store: async () => store() });
  const { signal } = new AbortController();
  const push = (namespace: string) => pushTasks(sessionIn(namespace), { paths: [folder], cwd: '/', signal });
  const failure = (work: Promise<unknown>) => work.then(() => expect.fail('it did not fail'), explain);

  it('stores their tasks, finds them again, and probes the store', async () => {
    expect(await push('ada')).to.have.nested.property('[0].result', 'stored');
    expect(await push('ada')).to.have.nested.property('[0].result', 'present');
    const session = {
      ...sessionIn('ada'),
      client: async () => ({ ...(await w.session.client()), profile: 'aws' as const }),
    };
    const check = storeChecks.find(({ name }) => name === 'store');
    const found = await resultsOf(check, { session, patient: { writeProbe: true } });
    expect(found.map(({ state }) => state)).to.deep.equal(['fine', 'fine']);
  });

  it('is refused where it would store what others run, and says where it may', async () => {
    const [shared, other] = [await failure(push('agents')), await failure(push('bob'))];
    for (const error of [shared, other]) expect(error).to.include({ code: 'SB-E011' });
    expect(shared.why).to.contain(`s3:PutObject on arn:aws:s3:::${BUCKET}/tasks/local/`);
    expect(shared.fix).to.match(/^as a researcher, store tasks in the namespace of your own \(-n <name>\)/);
    expect(other.why).to.contain(`s3:PutObject on arn:aws:s3:::${BUCKET}/tasks/researchers/bob/`);
    expect(other.fix).to.match(/^use the namespace of your own \(-n <name>\)/);
  });

  it('is refused where it would rewrite the index of a run, and says who does that', async () => {
    const options = { run: 'run', namespace: 'ada', trials: [], now: () => atSecond(60), signal };
    const error = await failure(reindexRun({ store: store(), ...options }));
    expect(error).to.include({ code: 'SB-E011' });
    expect(error.fix).to.match(/^have an administrator run this/);
  });
});
