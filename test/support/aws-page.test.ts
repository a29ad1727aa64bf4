import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ACCOUNT, BUCKET, CREDENTIALS, ECR_HOST, REGION, REPOSITORY } from './aws/facts.ts';
import { decide, type Policy } from './aws/iam/evaluate.ts';
import { needMoto, type Moto } from './aws/moto.ts';
import { findProgram, skipWithout } from './programs.ts';
import { ecrRepositoryUri } from '../../src/providers/image-registry/ecr.ts';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);

/** What the page has people type, without what moto does not have: EKS’s associations, pull-through caches and archives of images. */
const commands = (): string =>
  [...readFileSync(join(ROOT, 'docs/aws.md'), 'utf8').matchAll(/```bash\n(.*?)```/gs)]
    .map(([, block = '']) => block)
    .filter((block) => !/aws eks|create-pull-through-cache-rule|sinceImagePulled/.test(block))
    .join('\n');

describe('docs/aws.md', () => {
  let moto: Moto;
  let environment: Record<string, string>;

  before(async function () {
    this.timeout(180_000);
    const aws = findProgram('aws') ?? skipWithout('aws', this);
    moto = await needMoto(this, { prepared: false });
    environment = {
      PATH: `${dirname(aws)}:${process.env['PATH']}`,
      AWS_ENDPOINT_URL: moto.url,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      AWS_DEFAULT_REGION: REGION,
    };
    await run('bash', ['-euo', 'pipefail', '-c', commands()], { cwd: ROOT, env: environment });
  });
  after(() => moto?.close());

  const ask = async (...words: string[]): Promise<unknown> => {
    const { stdout } = await run('aws', [...words, '--output', 'json'], { env: environment });
    return JSON.parse(stdout);
  };

  it('makes the repository that the operator asks for, with tags that stay', async () => {
    const place = { region: REGION, endpoint: moto.url, credentials: CREDENTIALS };
    const uri = await ecrRepositoryUri({ ...place, repository: REPOSITORY });
    expect(uri).to.equal(`${ECR_HOST}/${REPOSITORY}`);
  });

  it('makes a project that may use Docker and has no limit of its own', async () => {
    const query = ['--query', 'projects[0]'];
    const project = (await ask(
      'codebuild',
      'batch-get-projects',
      '--names',
      'abundant-sb-build',
      ...query,
    )) as {
      environment: { privilegedMode: boolean };
      serviceRole: string;
    };
    expect(project.environment.privilegedMode).to.equal(true);
    expect(project.serviceRole).to.equal(`arn:aws:iam::${ACCOUNT}:role/abundant-sb-builder`);
    expect(project).to.not.have.property('concurrentBuildLimit');
  });

  it('lets nobody reach the bucket without TLS, and has it forget uploads that were never ended', async () => {
    const { Policy: text } = (await ask('s3api', 'get-bucket-policy', '--bucket', BUCKET)) as {
      Policy: string;
    };
    // A bucket's policy names who it is for; this one is for everybody.
    const policy = JSON.parse(text.replace('"Principal":"*",', '')) as Policy;
    const over = (tls: string) =>
      decide([policy], {
        action: 's3:GetObject',
        resource: `arn:aws:s3:::${BUCKET}/tasks/x`,
        context: { 'aws:SecureTransport': tls },
      });
    expect([over('false'), over('true')]).to.deep.equal(['explicitDeny', 'implicitDeny']);
    const rules = await ask('s3api', 'get-bucket-lifecycle-configuration', '--bucket', BUCKET);
    expect(rules).to.have.nested.property('Rules[0].AbortIncompleteMultipartUpload.DaysAfterInitiation', 7);
  });

  it('trusts the ServiceAccount of the operator in this cluster, and no other Pod', async () => {
    const { Role } = (await ask('iam', 'get-role', '--role-name', 'abundant-sb-operator')) as {
      Role: { AssumeRolePolicyDocument: { Statement: { Condition: object }[] } };
    };
    expect(Role.AssumeRolePolicyDocument.Statement[0]?.Condition).to.deep.equal({
      StringEquals: {
        'aws:SourceAccount': ACCOUNT,
        'aws:RequestTag/eks-cluster-name': 'sb',
        'aws:RequestTag/kubernetes-namespace': 'sb-system',
        'aws:RequestTag/kubernetes-service-account': 'sb-operator',
      },
    });
  });

  it('fills in every placeholder of the policies', async () => {
    for (const role of ['builder', 'operator', 'log-shipper']) {
      const names = ['--role-name', `abundant-sb-${role}`, '--policy-name', role];
      const { PolicyDocument } = (await ask('iam', 'get-role-policy', ...names)) as {
        PolicyDocument: { Statement: { Resource: string }[] };
      };
      for (const { Resource } of PolicyDocument.Statement)
        expect(Resource, role).to.match(/^(\*|arn:aws:[^$]+[^$:/])$/);
    }
  });
});
