/** `sb cloud` for somebody who has nothing but credentials: an account without anything, and the local cluster without an operator. */
import { S3Client } from '@aws-sdk/client-s3';
import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, symlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Trial } from '../../../src/crds/trial.ts';
import { CREDENTIALS, REGION } from '../../support/aws/facts.ts';
import { kubectlOk, needCluster, root, type Said } from '../../support/cluster.ts';
import { folderOf, type Folder } from '../../support/folder.ts';
import { s3 as store } from '../cluster/index.ts';
import { openEmptyAccount, type EmptyAccount } from './empty-account.ts';
import { emptyCluster, restoreCluster } from './empty-cluster.ts';
import { ensureSources } from './public-images.ts';

export const HELLO = join(root, 'examples/tasks/hello');
/** Where Trials run. */
export const NAMESPACE = 'agents';

export class CloudStory {
  aws!: EmptyAccount;
  /** Of whoever calls `sb`; the kubeconfig is in it. */
  home!: Folder;
  /** What buckets have. */
  s3!: S3Client;
  #operatorImage = '';

  async open(): Promise<void> {
    this.aws = await openEmptyAccount();
    this.#operatorImage = await ensureSources(this.aws.logsUrl);
    this.home = await folderOf({});
    // By this name kubectl's context calls it.
    await mkdir(join(this.home.path, 'bin'));
    await symlink(join(root, 'bin/sb.mjs'), join(this.home.path, 'bin/sb'));
    const access = { region: REGION, credentials: CREDENTIALS, forcePathStyle: true };
    this.s3 = new S3Client({ ...access, endpoint: store.endpoint });
    await emptyCluster(this.aws.operatorEnv);
  }

  async close(): Promise<void> {
    await restoreCluster();
    this.s3?.destroy();
    await this.aws?.close();
    await this.home?.remove();
  }

  get kubeconfig(): string {
    return join(this.home.path, 'kubeconfig');
  }

  /** `sb cloud …`; killed as soon as it says `until`. */
  async sb(words: readonly string[], until?: string): Promise<Said> {
    const env = {
      PATH: [join(this.home.path, 'bin'), process.env['PATH']].join(delimiter),
      HOME: this.home.path,
      KUBECONFIG: this.kubeconfig,
      SB_OPERATOR_IMAGE: this.#operatorImage,
      ...this.aws.env,
    };
    const child = spawn(process.execPath, [join(root, 'bin/sb.mjs'), 'cloud', ...words], {
      cwd: this.home.path,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said: Said = { code: -1, stdout: '', stderr: '' };
    child.stdout.on('data', (part: Buffer) => (said.stdout += part.toString()));
    child.stderr.on('data', (part: Buffer) => {
      said.stderr += part.toString();
      if (until !== undefined && said.stderr.includes(until)) child.kill('SIGKILL');
    });
    const [code] = (await once(child, 'close')) as [number | null];
    return { ...said, code: code ?? -1 };
  }

  /** Killed each time a little later. */
  async killed(words: readonly string[], lines: readonly string[]): Promise<void> {
    for (const line of lines) {
      const said = await this.sb(words, line);
      expect(said.stderr).to.contain(line);
      expect(said.code, said.stderr).to.equal(-1);
    }
  }

  async succeeds(...words: string[]): Promise<Said> {
    const said = await this.sb(words);
    expect(said.code, `${said.stdout}${said.stderr}`).to.equal(0);
    return said;
  }

  /** Names and states of the stacks that there are. */
  get stacks(): string[] {
    return this.aws.cloud.cloudformation.stacks
      .filter(({ deleted }) => !deleted)
      .map(({ name, status }) => `${name} ${status}`);
  }

  /** Projects and ends of all builds. */
  get builds(): string[] {
    return this.aws.codebuild.builds.map(({ projectName, buildStatus }) => `${projectName} ${buildStatus}`);
  }

  /** The only Trial that there is. */
  async trial(): Promise<Trial> {
    const said = await kubectlOk(['get', 'trials', '-n', NAMESPACE, '-o', 'json']);
    return (JSON.parse(said) as { items: Trial[] }).items[0]!;
  }
}

/** Opened before the tests of a `describe`, and everything as it was after them. */
export function useCloudStory(): CloudStory {
  const story = new CloudStory();
  before(async function () {
    await needCluster(this);
    await story.open();
  });
  after(() => story.close());
  return story;
}
