import { expect } from 'chai';
import { ACCOUNT, CREDENTIALS, REGION } from '../../../test/support/aws/facts.ts';
import {
  accountServer,
  withVariables,
  type AccountServer,
} from '../../../test/support/client/account-server.ts';
import { fixedApi } from '../../../test/support/client/api.ts';
import { certificate } from '../../../test/support/client/certificate.ts';
import { everythingFine } from '../../../test/support/client/doctor.ts';
import { folderOf } from '../../../test/support/folder.ts';
import { recordedIo } from '../../../test/support/terminal/recorded.ts';
import type { Io } from '../types.ts';
import { run } from '../program.ts';

/** What stacks are about; what is in a cluster has its own tests. */
const NOTHING_INSIDE = {
  steps: [],
  running: async () => [],
  nodes: async () => [],
  pools: async () => [{ name: 'sb-trials', cpu: '1000' }],
};
const KEYS = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };

/** `sb` with these arguments, in a home without anything. */
async function sb(env: Record<string, string>, args: string[], io: Partial<Io> = {}) {
  const around = recordedIo({ env: { HOME: '/nonexistent', ...env }, inside: NOTHING_INSIDE, ...io });
  if (io.terminal) Object.assign(around.terminal, io.terminal);
  const code = await run(args, around);
  return { code, stdout: around.terminal.stdout, stderr: around.terminal.stderr };
}

describe('sb cloud init', () => {
  it('says without credentials what would be made, and what is missing in a line each, and exits with 3', async () => {
    const { code, stdout, stderr } = await sb({}, ['cloud', 'init', '--dry-run']);
    expect(code).to.equal(3);
    expect(stdout).to.match(
      /^abundant-sb-artifacts \(stays when the rest goes\)\n {2}S3 bucket +\$0\.023 per GB/,
    );
    expect(stderr).to.match(/^missing: credentials: .+\nmissing: region: .+\n$/);
  });

  it('says what nodes with GPUs cost, where some are asked for', async () => {
    const priced = async (...more: string[]) =>
      (await sb({}, ['cloud', 'init', '--dry-run', ...more])).stdout.match(/^.*GPUs.*$/gm) ?? [];
    expect(await priced()).to.deep.equal([]);
    const [line] = await priced('--gpus', '4');
    expect(line).to.match(/^ {2}nodes with GPUs: .*4 GPUs at most +about \$0\.53 to \$1\.01 per hour/);
  });

  for (const [by, env, words] of [
    ['an option', {}, ['--cluster', 'theirs']],
    ['SB_EKS_CLUSTER', { SB_EKS_CLUSTER: 'theirs' }, []],
  ] as const)
    it(`makes neither cluster nor network where ${by} names a cluster of the user’s`, async () => {
      const { stdout } = await sb(env, ['cloud', 'init', '--dry-run', ...words]);
      expect(stdout).to.contain('abundant-sb-cluster\n  2 IAM roles').and.contain(' $0.00 per hour');
      expect(stdout).to.not.match(/EKS cluster|NAT gateway|nodes:/);
    });

  it('prints no control characters of a name', async () => {
    const args = ['cloud', 'init', '--dry-run', '--region', 'a\u001b[2J', '--stack', 'b\u001b[2J'];
    const { stdout, stderr } = await sb(KEYS, args);
    expect(stdout + stderr).to.not.contain('\u001b');
  });

  for (const command of ['init', 'down', 'status'])
    it(`refuses ${command} without credentials, and asks AWS nothing`, async () => {
      const { code, stderr } = await sb({}, ['cloud', command]);
      expect(code).to.equal(3);
      expect(stderr).to.contain('cause: credentials: there are none');
      expect(stderr).to.contain('SB-E120');
    });
});

describe('sb cloud researcher', () => {
  for (const [command, ...words] of [
    ['add', 'ada', '--monthly', '1'],
    ['ls'],
    ['budget', 'ada'],
    ['rm', 'ada'],
  ])
    it(`${command} takes no namespace, which it would not look at: a researcher has one of their own name`, async () => {
      const { code, stderr } = await sb({}, ['cloud', 'researcher', command ?? '', ...words, '-n', 'other']);
      expect(code).to.equal(2);
      expect(stderr).to.contain("unknown option '-n'");
    });
});

describe('sb cloud, with an account', () => {
  let aws: AccountServer;
  let leave: () => void;
  beforeEach(async () => {
    aws = await accountServer();
    // The SDK reads the process's own.
    leave = withVariables(envOf(aws));
  });
  afterEach(async () => {
    leave();
    await aws.close();
  });

  const at = (args: string[], io: Partial<Io> = {}) => sb(envOf(aws), ['cloud', ...args], io);
  const onTerminal = (answers: { confirm?: boolean; typed?: string[] }) => {
    const asked: string[] = [];
    const typed = [...(answers.typed ?? [])];
    const io = {
      terminal: { input: true } as Io['terminal'],
      confirm: async (question: string) => (asked.push(question), answers.confirm === true),
      ask: async (question: string) => (asked.push(question), typed.shift() ?? ''),
    };
    return { io, asked };
  };
  const stacks = () => aws.formation.stacks.map(({ name, status }) => `${name} ${status}`);

  it('shows the changes of a dry run, and leaves nothing', async () => {
    const { code, stdout } = await at(['init', '--dry-run']);
    expect(code, stdout).to.equal(0);
    expect(stdout).to.contain(
      `in account ${ACCOUNT} (arn:aws:iam::${ACCOUNT}:user/admin), region ${REGION}:`,
    );
    expect(stdout).to.match(/stack artifacts: \d+ changes\n/);
    expect(stdout).to.contain('  + Bucket (AWS::S3::Bucket)\n');
    await aws.formation.idle();
    expect(stacks().filter((line) => !line.endsWith('DELETE_COMPLETE'))).to.deep.equal([]);
  });

  const place = ['--cluster', 'sb', '--region', 'us-east-1'];

  it('prints the token that kubectl wants of an exec plugin, in the version that it asks for', async () => {
    const asked = JSON.stringify({
      apiVersion: 'client.authentication.k8s.io/v1beta1',
      kind: 'ExecCredential',
    });
    const env = { ...envOf(aws), KUBERNETES_EXEC_INFO: asked };
    const { code, stdout } = await sb(env, ['cloud', 'token', ...place]);
    const { apiVersion, kind, status } = JSON.parse(stdout) as {
      apiVersion: string;
      kind: string;
      status: { token: string; expirationTimestamp: string };
    };
    const wanted = [0, 'client.authentication.k8s.io/v1beta1', 'ExecCredential'];
    expect([code, apiVersion, kind]).to.deep.equal(wanted);
    expect(status.token).to.match(/^k8s-aws-v1\.[\w-]+$/);
    expect(status.expirationTimestamp).to.equal('2026-01-31T14:39:01Z');
  });

  it('makes no token for a name that is none of a cluster', async () => {
    const { code, stdout } = await at(['token', '--cluster', 'a b', '--region', 'us-east-1']);
    expect([code, stdout]).to.deep.equal([3, '']);
  });

  it('makes nothing in CI without --yes, and says how', async () => {
    const { code, stdout, stderr } = await at(['init']);
    expect(code).to.equal(2);
    expect(stdout).to.contain('While no Trial runs: $0.15 per hour');
    expect(stderr).to.contain('fix:   sb cloud init --yes\n').and.to.contain('SB-E128');
    expect(stacks()).to.deep.equal([]);
  });

  it('makes nothing when the answer is no, having said where it would be', async () => {
    const { io, asked } = onTerminal({ confirm: false });
    expect((await at(['init'], io)).code).to.equal(2);
    expect(asked).to.deep.equal([
      `Make this in account ${ACCOUNT} (arn:aws:iam::${ACCOUNT}:user/admin), region ${REGION}?`,
    ]);
    expect(stacks()).to.deep.equal([]);
  });

  it('goes from nothing to an installation to nothing', async () => {
    const made = await at(['init', '--yes']);
    expect(made.code, made.stderr).to.equal(0);
    expect(made.stdout).to.contain('installation abundant-sb is made').and.to.contain('sb cloud run -t');
    expect(made.stderr).to.contain('abundant-sb-cluster Cluster (AWS::EKS::Cluster): CREATE_COMPLETE\n');

    const again = await at(['init']);
    expect(again.code, again.stderr).to.equal(0);

    const status = await at(['status']);
    expect(status.stdout).to.match(
      /abundant-sb-cluster +CREATE_COMPLETE\n\$0\.15 per hour, about \$\d+\S* a month, without nodes/,
    );

    const { io, asked } = onTerminal({ typed: ['abundant-sb'] });
    const down = await at(['down'], io);
    expect(down.code, down.stderr).to.equal(0);
    expect(down.stdout).to.contain('  EKS cluster\n').and.to.contain('stack artifacts stays');
    expect(asked).to.deep.equal(['To delete this, type the name of the installation:']);

    const nothing = await at(['down']);
    expect(nothing.stdout).to.match(/^nothing of abundant-sb is there in account/);
    expect(stacks().filter((line) => !line.endsWith('DELETE_COMPLETE'))).to.deep.equal([
      'abundant-sb-artifacts CREATE_COMPLETE',
    ]);
  });

  it('ends with what sb doctor finds in the context that it wrote, and says what to do next all the same', async () => {
    const api = await fixedApi(everythingFine(certificate()));
    const context = `arn:aws:eks:${REGION}:${ACCOUNT}:cluster/abundant-sb`;
    const home = await folderOf({ '.kube/config': api.kubeconfig.replaceAll('test', context) });
    const { code, stdout, stderr } = await sb({ ...envOf(aws), HOME: home.path }, ['cloud', 'init', '--yes']);
    await api.close();
    await home.remove();
    expect(code, stderr).to.equal(0);
    expect(stdout).to.contain(`✓ kubeconfig: context ${context}, namespace agents, http`);
    expect(stdout).to.contain('✓ operator: 2 of 2 replicas of the operator are ready\n');
    // Of this cluster that has no storage.
    expect(stdout).to.match(/✗ store: /);
    expect(
      stdout.split('installation abundant-sb is made; what is marked ✗ above')[1]?.split('\n  sb '),
    ).to.have.lengthOf(4);
  });

  it('shows quotas against what it sets, with the commands that ask for more', async () => {
    await at(['init', '--yes']);
    const short = await at(['status']);
    expect(short.stdout).to.contain(
      'quotas: 1 builds at once (SB_MAX_CONCURRENT_BUILDS is 20), 5 vCPUs on demand and 5 of spot instances (nodes of Trials may have 1000)\n',
    );
    expect(short.stdout).to.match(
      / {4}aws service-quotas request-service-quota-increase .* L-2DC20C30 --desired-value 20/,
    );
    for (const quota of Object.values(aws.quotas.all)) quota.applied = 1000;
    expect((await at(['status'])).stdout).to.not.contain('request-service-quota-increase');
    // Nobody has asked for more: a new account has none.
    delete aws.quotas.all['L-DB2E81BA']!.applied;
    const pools = async () => [...(await NOTHING_INSIDE.pools()), { name: 'sb-gpus', cpu: 64 }];
    const withGpus = await at(['status'], { inside: { ...NOTHING_INSIDE, pools } });
    expect(withGpus.stdout).to.contain(
      ', 0 vCPUs of nodes with GPUs (theirs may have 64)\n  EC2 gives this account fewer vCPUs of nodes with GPUs than their NodePool may have: 0 of 64: ',
    );
    const unseen = await at(['status'], {
      inside: { ...NOTHING_INSIDE, pools: () => Promise.reject(new Error('no answer')) },
    });
    expect(unseen.stdout).to.contain('(nodes of Trials may have 1000)\n');
    aws.denied.add('GetServiceQuota');
    const denied = await at(['status']);
    expect([denied.code, denied.stdout]).to.satisfy(
      ([code, stdout]: [number, string]) =>
        code === 0 && /quotas are not to be seen: .*servicequotas:GetServiceQuota/.test(stdout),
      denied.stdout,
    );
  });

  it('shows the nodes that there are now, with what they and all else cost', async () => {
    await at(['init', '--yes']);
    const none = await at(['status']);
    expect(none.stdout).to.contain('nodes: none now\n');
    const node = (type: string, capacity: string) => ({
      'node.kubernetes.io/instance-type': type,
      'karpenter.sh/capacity-type': capacity,
      'topology.kubernetes.io/zone': 'us-east-1a',
      'eks.amazonaws.com/compute-type': 'auto',
    });
    const nodes = async () => [
      node('c6a.large', 'on-demand'),
      node('m7i.xlarge', 'spot'),
      node('m7i.xlarge', 'spot'),
      node('new9.\u001b[2Jlarge', 'spot'),
    ];
    const { stdout } = await at(['status'], { inside: { ...NOTHING_INSIDE, nodes } });
    expect(stdout).to.contain(
      [
        'nodes now:',
        '  2 × m7i.xlarge, spot, us-east-1a      at most $0.23 per hour each',
        '  1 × c6a.large, on-demand, us-east-1a  $0.086 per hour each',
        '  1 × new9.large, spot, us-east-1a      –',
        'nodes: at most $0.54 per hour, about $392.20 a month if they stay; with about 12 % on top for Auto Mode; spot instances at their price on demand, which they do not exceed; without 1 node whose price sb does not know (–)',
        'all of it now: at most $0.69 per hour, about $501.70 a month',
        '',
      ].join('\n'),
    );
    const strange = await at(['status'], {
      inside: { ...NOTHING_INSIDE, nodes: async () => [node('new9.large', 'spot')] },
    });
    expect(strange.stdout).to.contain('–\nnodes: –, sb knows the price of none\n');
    const refused = () => Promise.reject(new Error('no answer'));
    const unseen = await at(['status'], { inside: { ...NOTHING_INSIDE, nodes: refused } });
    expect(unseen.stdout).to.contain('nodes are not to be seen: no answer\n');
    expect(unseen.code).to.equal(0);
  });

  it('shows what of the cluster is not as it makes it, and what cannot be seen', async () => {
    await at(['init', '--yes']);
    const step = (name: string, isDone: () => Promise<boolean>) => ({
      name,
      isDone,
      shows: () => [],
      make: async () => {},
      remove: async () => {},
    });
    const steps = [
      step('operator', async () => true),
      step('nodes', async () => false),
      step('logs', () => Promise.reject(new Error('no answer'))),
    ];
    const { stdout } = await at(['status'], { inside: { ...NOTHING_INSIDE, steps } });
    expect(stdout).to.contain('in the cluster, not as this sb makes it: nodes; sb cloud init changes it\n');
    expect(stdout).to.contain('in the cluster, not to be seen: logs: no answer\n');
  });

  it('deletes nothing where a name is missing or wrong', async () => {
    await at(['init', '--yes']);
    aws.bucket = true;
    for (const [args, typed] of [
      [['down'], ['abundant']],
      [['down'], []],
      // Of the bucket, too.
      [['down', '--purge', '--confirm', 'abundant-sb'], []],
      [
        ['down', '--purge'],
        ['abundant-sb', 'abundant-sb'],
      ],
    ] as const) {
      const { code, stderr } = await at([...args], onTerminal({ typed: [...typed] }).io);
      expect([code, /SB-E128/.test(stderr)], stderr).to.deep.equal([2, true]);
    }
    expect(stacks().filter((line) => line.endsWith('CREATE_COMPLETE'))).to.have.lengthOf(3);
  });

  it('says what the caller may not do, and goes on with another admin', async () => {
    aws.arn = `arn:aws:sts::${ACCOUNT}:assumed-role/AWSReservedSSO_admin/jane`;
    aws.denied.add('iam:GetRole');
    const { code, stderr } = await at(['init', '--yes']);
    expect(code).to.equal(2);
    expect(stderr)
      .to.contain('cannot use --admin-role')
      .and.to.contain('not authorized to perform: iam:GetRole');
    const arn = `arn:aws:iam::${ACCOUNT}:role/aws-reserved/admin`;
    const again = await at(['init', '--yes', '--admin-role', arn]);
    expect(again.code, again.stderr).to.equal(0);
  });

  it('puts nothing into a zone that EKS refuses', async () => {
    await at(['init', '--yes', '--zones', '2']);
    const { ZoneA, ZoneB, ZoneC } =
      aws.formation.stacks.find(({ name }) => name.endsWith('-network'))?.desired.parameters ?? {};
    expect([ZoneA, ZoneB, ZoneC]).to.deep.equal(['us-east-1a', 'us-east-1c', '']);
  });

  it('takes no credentials that AWS does not know', async () => {
    const right = withVariables({ AWS_SECRET_ACCESS_KEY: 'wrong' });
    const { code, stderr } = await at(['status']);
    right();
    expect([code, /SB-E121/.test(stderr)], stderr).to.deep.equal([3, true]);
  });

  it('says of sb cloud run in CI what init would make and costs', async () => {
    const { code, stderr } = await at(['run', '-t', 'examples/tasks/hello']);
    expect(code).to.equal(3);
    expect(stderr).to.contain('there is no kubeconfig');
    expect(stderr).to.contain(
      'sb cloud init would make installation abundant-sb in us-east-1, for $0.15 per hour and the nodes',
    );
    expect(stderr).to.contain('SB-E130');
  });

  it('offers nothing of the kind with --no-provision', async () => {
    const { code, stderr } = await at(['run', '-t', 'examples/tasks/hello', '--no-provision']);
    expect([code, /SB-E002/.test(stderr), /cloud init/.test(stderr)]).to.deep.equal([3, true, false]);
  });

  it('asks on a terminal whether to make one, and leaves it when the answer is no', async () => {
    const { io, asked } = onTerminal({ confirm: false });
    const { stderr } = await at(['run', '-t', 'examples/tasks/hello'], io);
    expect(asked).to.deep.equal(['See what it makes in detail?']);
    expect(stderr).to.contain('for $0.15 per hour').and.to.contain('SB-E002');
  });
});

const envOf = ({ url, formation }: AccountServer): Record<string, string> => ({
  AWS_ENDPOINT_URL: url,
  AWS_ENDPOINT_URL_CLOUDFORMATION: formation.url,
  AWS_REGION: REGION,
  AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  AWS_CONFIG_FILE: '/nonexistent',
  AWS_SHARED_CREDENTIALS_FILE: '/nonexistent',
});
