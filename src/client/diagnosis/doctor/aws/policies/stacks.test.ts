import { expect } from 'chai';
import { startCloud, type Cloud } from '../../../../../../test/support/aws/cloud.ts';
import { ACCOUNT, CREDENTIALS, REGION, STACK } from '../../../../../../test/support/aws/facts.ts';
import { needMotoWithStacks, type Moto } from '../../../../../../test/support/aws/moto.ts';
import { withVariables } from '../../../../../../test/support/client/account-server.ts';
import { resultsOf } from '../../../../../../test/support/client/doctor.ts';
import { startUpstream } from '../../../../../../test/support/eks/testing.ts';
import { OPERATOR } from '../../../../../installation/names.ts';
import { awsValues } from '../../../../../installation/aws/values.ts';
import type { Inspection } from '../../../../../providers/account/port.ts';
import { makeAll } from '../../../../cloud/lifecycle/init.ts';
import { withInstallation, type Installation } from '../../../../cloud/installation.ts';
import type { AwsPlace } from '../place.ts';
import { awsPolicies } from './policies.ts';

const ADMIN = `arn:aws:iam::${ACCOUNT}:role/admin`;
const NOTHING_INSIDE = {
  steps: [],
  running: async () => [],
  nodes: async () => [],
  pools: async () => [],
};

describe('sb doctor about the roles of the stacks', function () {
  this.timeout(120_000);
  let moto: Moto;
  let upstream: Awaited<ReturnType<typeof startUpstream>>;
  let cloud: Cloud;
  let env: Record<string, string>;
  let leave: () => void;

  before(async function () {
    moto = await needMotoWithStacks(this);
    upstream = await startUpstream();
    cloud = await startCloud({ moto: moto.url, registry: 'http://127.0.0.1:1', upstream: upstream.upstream });
    const { accessKeyId, secretAccessKey } = CREDENTIALS;
    env = { ...cloud.env, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
    leave = withVariables(env);
  });
  after(async () => {
    leave?.();
    await cloud?.close();
    upstream?.close();
    await moto?.close();
  });

  async function placeOf({ context, ports, identity }: Installation): Promise<AwsPlace> {
    const [inspection, outputs] = await Promise.all([ports.inspection(), context.outputs('artifacts')]);
    const { settings } = awsValues({
      version: '',
      image: '',
      buildKit: '',
      autoMode: true,
      stack: STACK,
      region: REGION,
      outputs,
    });
    const cluster = (await ports.account.cluster(STACK))!;
    // moto has none of the policies that AWS itself has made, which are those of nodes.
    delete cluster.nodeRole;
    const serviceRole = String(Object.values(cloud.projects)[0]?.serviceRole);
    return {
      region: REGION,
      namespace: OPERATOR.namespace,
      identity,
      account: ports.account,
      cluster,
      settings,
      inspection: {
        simulate: (principal, asked) => inspection.simulate(principal, asked),
        podRole: (one) => inspection.podRole(one),
        project: async () => ({ computeType: '', type: '', role: serviceRole }),
      } satisfies Partial<Inspection> as Partial<Inspection> as Inspection,
    };
  }

  it('finds that IAM allows what they need, as sb cloud init makes them', async () => {
    const signal = new AbortController().signal;
    const around = { env, cwd: '/', signal, now: () => new Date(), say: () => {} };
    const sleep = (ms: number): Promise<void> =>
      new Promise((resolve) => setTimeout(resolve, Math.min(ms, 20)));
    const wish = { stack: STACK, region: REGION, zones: 2, adminRole: ADMIN } as const;
    const found = await withInstallation(
      wish,
      { around, inside: NOTHING_INSIDE, sleep },
      async (installation) => {
        await makeAll(installation);
        const place = await placeOf(installation);
        return resultsOf(awsPolicies, { patient: { aws: async () => place } });
      },
    );
    expect(found).to.deep.equal([
      {
        state: 'fine',
        what: 'IAM allows the operator, builds and Fluent Bit all that is needed, as far as it can be simulated',
      },
    ]);
  });
});
