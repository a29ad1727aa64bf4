import { HeadBucketCommand, ListBucketsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { awsNames } from '../../../src/installation/aws/names.ts';
import { startCloud, type Cloud } from '../../support/aws/cloud.ts';
import { ACCOUNT, CREDENTIALS, REGION, STACK } from '../../support/aws/facts.ts';
import { needMoto, type Moto } from '../../support/aws/moto.ts';
import { kubeconfig, root, type Said } from '../../support/cluster.ts';
import { upstreamOf } from '../../support/eks/index.ts';
import { folderOf, type Folder } from '../../support/folder.ts';

describe('an account of AWS, from nothing to an installation and back, by sb alone', function () {
  this.timeout(400_000);
  const names = awsNames({ stack: STACK, account: ACCOUNT, region: REGION });
  let moto: Moto;
  let cloud: Cloud;
  let home: Folder;
  let s3: S3Client;

  before(async function () {
    moto = await needMoto(this, { prepared: false });
    const upstream = upstreamOf(kubeconfig);
    cloud = await startCloud({ moto: moto.url, registry: 'http://127.0.0.1:1', upstream });
    home = await folderOf({});
    const access = { region: REGION, credentials: CREDENTIALS, forcePathStyle: true };
    s3 = new S3Client({ ...access, endpoint: moto.url });
  });
  after(async () => {
    s3?.destroy();
    await cloud?.close();
    await moto?.close();
    await home?.remove();
  });

  /** `sb cloud …`, as somebody with nothing but credentials has it. */
  async function sb(...words: string[]): Promise<Said> {
    const env = {
      PATH: process.env['PATH'],
      HOME: home.path,
      KUBECONFIG: join(home.path, 'kubeconfig'),
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      ...cloud.env,
    };
    const args = [join(root, 'src/cli/main.ts'), 'cloud', ...words, '--region', REGION];
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const [[code], stdout, stderr] = await Promise.all([
      once(child, 'close') as Promise<[number | null]>,
      text(child.stdout),
      text(child.stderr),
    ]);
    return { code: code ?? -1, stdout, stderr };
  }
  async function succeeds(...words: string[]): Promise<Said> {
    const said = await sb(...words);
    expect(said.code, `${said.stdout}${said.stderr}`).to.equal(0);
    return said;
  }
  const stacks = (): string[] =>
    cloud.cloudformation.stacks
      .filter(({ deleted }) => !deleted)
      .map(({ name, status }) => `${name} ${status}`);
  const made = ['artifacts', 'network', 'cluster'].map((stack) => `${STACK}-${stack} CREATE_COMPLETE`);

  it('is an installation after init: a cluster with its admin, a bucket, a project', async () => {
    await succeeds('init', '--yes');
    expect(stacks()).to.deep.equal(made);
    const { status, entries } = cloud.eks.clusters.get({ clusterName: STACK });
    expect([status, entries.map(({ type }) => type)]).to.deep.equal(['ACTIVE', ['EC2', 'STANDARD']]);
    expect(Object.keys(cloud.projects)).to.deep.equal([names.project]);
    await s3.send(new HeadBucketCommand({ Bucket: names.bucket }));
  });

  it('is as it was after a second init', async () => {
    const before = cloud.cloudformation.stacks.flatMap(({ events }) => events.length);
    await succeeds('init', '--yes');
    expect(cloud.cloudformation.stacks.flatMap(({ events }) => events.length)).to.deep.equal(before);
  });

  it('says what there is, and what it costs', async () => {
    const { stdout } = await succeeds('status');
    expect(stdout).to.contain(`${STACK}-cluster`).and.contain('per hour');
  });

  it('keeps what holds results, and nothing that costs by the hour, after down', async () => {
    await s3.send(new PutObjectCommand({ Bucket: names.bucket, Key: 'trials/a/result.json', Body: '{}' }));
    await succeeds('down', '--confirm', STACK);
    expect(stacks()).to.deep.equal([`${STACK}-artifacts CREATE_COMPLETE`]);
    expect(cloud.eks.clusters.all).to.deep.equal([]);
    await s3.send(new HeadBucketCommand({ Bucket: names.bucket }));
    await succeeds('down', '--confirm', STACK);
  });

  it('comes back with what was kept', async () => {
    await succeeds('init', '--yes');
    expect(stacks()).to.have.members(made);
    await s3.send(new HeadBucketCommand({ Bucket: names.bucket }));
  });

  it('is nothing after down --purge', async () => {
    await succeeds('down', '--purge', '--confirm', STACK, '--confirm', names.bucket);
    expect(stacks()).to.deep.equal([]);
    expect((await s3.send(new ListBucketsCommand({}))).Buckets ?? []).to.deep.equal([]);
    expect(Object.keys(cloud.projects)).to.deep.equal([]);
  });
});
