import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { awsNames } from '../../../src/installation/aws/names.ts';
import { ACCOUNT, CREDENTIALS, REGION, STACK } from '../../support/aws/facts.ts';
import { needMoto, type Moto } from '../../support/aws/moto.ts';
import { stacks } from '../../support/aws/templates.ts';
import { ensurePython } from '../cluster/aws/python.ts';

const ROOT = join(import.meta.dirname, '../../..');
const run = promisify(execFile);
/** Path of a Python program; the tests are pending where no Python packages can be had. */
async function programOf(name: string, context: Mocha.Context): Promise<string> {
  context.timeout(600_000);
  const folder = await ensurePython('stacks').catch((error: Error) => {
    process.stderr.write(`      ${error.message}: tests with ${name} are pending\n`);
    return context.skip();
  });
  return join(folder, 'bin', name);
}

const fileOf = (stack: string): string => join(ROOT, `config/aws/stacks/${stack}.json`);

/** A region or two of each partition that cfn-lint knows. */
const PARTITIONS = {
  aws: ['us-east-1', 'eu-central-1', 'ap-northeast-1'],
  'aws-cn': ['cn-north-1', 'cn-northwest-1'],
  'aws-us-gov': ['us-gov-west-1', 'us-gov-east-1'],
};

describe('config/aws/stacks, to cfn-lint', () => {
  let lint: string;
  before(async function () {
    lint = await programOf('cfn-lint', this);
  });

  for (const [partition, regions] of Object.entries(PARTITIONS))
    it(`has nothing that CloudFormation would refuse or warn of in ${regions.join(', ')} (${partition})`, async function () {
      this.timeout(180_000);
      // GovCloud has no AWS Budgets.
      const has = ([stack]: readonly [string, unknown]): boolean =>
        !(stack === 'alarm' && partition === 'aws-us-gov');
      const files = stacks.filter(has).map(([stack]) => fileOf(stack));
      // It exits with something else than 0 for anything that it finds, and says what.
      const { stdout } = await run(lint, [
        '--include-checks',
        'I',
        '--regions',
        ...regions,
        '--template',
        ...files,
      ]).catch((error: { stdout: string; stderr: string }) => error);
      expect(stdout.trim()).to.equal('');
    });

  it('would have something, if a property were wrong', async function () {
    this.timeout(180_000);
    const broken = JSON.stringify({
      Resources: { A: { Type: 'AWS::ECR::Repository', Properties: { ImageTagMutability: 'NEVER' } } },
    });
    const linting = run(lint, ['--regions', REGION]);
    linting.child.stdin?.end(broken);
    const said = await linting.then(
      () => '',
      (error: { stdout: string }) => error.stdout,
    );
    expect(said).to.contain('NEVER');
  });
});

/** What the page has people type, but for the cluster: moto has none. It makes buckets, repositories, roles, logs and networks, and leaves out CodeBuild and policies of buckets without a word. */
const commands = (page: string): string =>
  [...page.matchAll(/```bash\n(.*?)```/gs)]
    .flatMap(([, block = '']) => block.split('\n'))
    .filter((line) => !/^\S* make cluster/.test(line))
    .join('\n');

describe('docs/aws-stacks.md', () => {
  const names = awsNames({ stack: STACK, account: ACCOUNT, region: REGION });
  let moto: Moto;
  let ask: (...words: string[]) => Promise<unknown>;

  before(async function () {
    const aws = await programOf('aws', this);
    process.env['SB_MOTO_SERVER'] = join(dirname(aws), 'moto_server');
    moto = await needMoto(this, { prepared: false });
    const env = {
      PATH: `${dirname(aws)}:${process.env['PATH']}`,
      AWS_ENDPOINT_URL: moto.url,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      AWS_DEFAULT_REGION: REGION,
    };
    ask = async (...words) => {
      const { stdout } = await run(aws, [...words, '--output', 'json'], { env });
      return stdout.trim() === '' ? undefined : JSON.parse(stdout);
    };
    const page = await readFile(join(ROOT, 'docs/aws-stacks.md'), 'utf8');
    await run('bash', ['-euo', 'pipefail', '-c', commands(page)], { cwd: ROOT, env });
  });
  after(async () => {
    delete process.env['SB_MOTO_SERVER'];
    await moto?.close();
  });

  const outputsOf = async (stack: string): Promise<Record<string, string>> => {
    const seen = (await ask('cloudformation', 'describe-stacks', '--stack-name', `${STACK}-${stack}`)) as {
      Stacks: { Outputs: { OutputKey: string; OutputValue: string }[] }[];
    };
    const outputs = seen.Stacks[0]?.Outputs ?? [];
    return Object.fromEntries(outputs.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
  };

  it('makes a bucket of the name that sb looks for, whose objects are encrypted', async () => {
    expect((await outputsOf('artifacts'))['Bucket']).to.equal(names.bucket);
    const encryption = await ask('s3api', 'get-bucket-encryption', '--bucket', names.bucket);
    expect(JSON.stringify(encryption)).to.contain('"SSEAlgorithm":"AES256"');
  });

  it('makes repositories whose tags stay, but for layers and frontends', async () => {
    const { repositories } = (await ask('ecr', 'describe-repositories')) as {
      repositories: { repositoryName: string; imageTagMutability: string }[];
    };
    const mutability = repositories.map((one) => [one.repositoryName, one.imageTagMutability]);
    expect(Object.fromEntries(mutability)).to.deep.equal({
      [names.images]: 'IMMUTABLE',
      [names.cache]: 'MUTABLE',
      [names.operator]: 'IMMUTABLE',
      [names.buildKit]: 'IMMUTABLE',
      [names.frontends]: 'MUTABLE',
      [names.fluentBit]: 'IMMUTABLE',
    });
  });

  it('makes private subnets in three zones, apart from each other and from the public one', async () => {
    const { VpcId = '', SubnetIds = '' } = await outputsOf('network');
    const { Subnets } = (await ask(
      'ec2',
      'describe-subnets',
      '--filters',
      `Name=vpc-id,Values=${VpcId}`,
    )) as {
      Subnets: { SubnetId: string; CidrBlock: string; AvailabilityZone: string }[];
    };
    const places = Subnets.map(({ SubnetId, CidrBlock, AvailabilityZone }) => [
      SubnetIds.split(',').includes(SubnetId) ? 'nodes' : 'public',
      CidrBlock,
      AvailabilityZone,
    ]);
    expect(places).to.have.deep.members([
      ['nodes', '10.100.0.0/18', `${REGION}a`],
      ['nodes', '10.100.64.0/18', `${REGION}b`],
      ['nodes', '10.100.128.0/18', `${REGION}c`],
      ['public', '10.100.192.0/24', `${REGION}a`],
    ]);
  });

  it('leaves the bucket where it is when its stack is deleted', async () => {
    await ask('cloudformation', 'delete-stack', '--stack-name', `${STACK}-artifacts`);
    const { Buckets } = (await ask('s3api', 'list-buckets')) as { Buckets: { Name: string }[] };
    expect(Buckets.map(({ Name }) => Name)).to.deep.equal([names.bucket]);
  });
});
