import { expect } from 'chai';
import { MINIMAL, removeTaskFolder, taskFolder } from '../../../test/support/task-folder.ts';
import type { Files } from '../../../test/support/task-folder.ts';
import { TaskFormatError } from '../toml/problems.ts';
import { readTask } from '../folder/read.ts';
import { taskHash } from '../hash.ts';
import { trialManifest } from './manifest.ts';
import type { TrialOptions } from './manifest.ts';

const OPTIONS: TrialOptions = {
  bucket: 'bucket',
  dataset: 'set',
  contextSha256: 'a'.repeat(64),
  variables: {},
};
const SOLVED: Files = { ...MINIMAL, 'solution/solve.sh': '' };

describe('trialManifest', () => {
  async function read(files: Files) {
    const dir = await taskFolder(files);
    const task = await readTask(dir);
    await removeTaskFolder(dir);
    return task;
  }

  it('says no more than the task does', async () => {
    const task = await read(SOLVED);
    const version = taskHash(task).slice(0, 12);
    expect(trialManifest(task, OPTIONS)).to.deep.equal({
      apiVersion: 'sb.abundant.ai/v1alpha1',
      kind: 'Trial',
      metadata: { name: `task-oracle-${version}` },
      spec: {
        task: {
          name: 'task',
          dataset: 'set',
          version,
          s3: { uri: `s3://bucket/tasks/set/task/${version}/` },
        },
        environment: {
          build: {
            context: {
              s3: { uri: `s3://bucket/tasks/set/task/${version}/context.zip`, sha256: 'a'.repeat(64) },
            },
            tag: 'task',
            timeoutSeconds: 600,
          },
        },
        agent: { name: 'oracle' },
        verifier: { timeoutSeconds: 600 },
      },
    });
  });

  it('carries over what the task says', async () => {
    const task = await read({
      ...SOLVED,
      'task.toml': `
artifacts = ["/app/out", { source = "/a", destination = "b" }]
[task]
name = "org/My_Task"
[agent]
timeout_sec = 0.5
user = 1000
[verifier]
timeout_sec = 30
user = "root"
env = { JUDGE = "\${JUDGE:-none}" }
[environment]
docker_image = "debian:bookworm-slim"
cpus = 0.5
memory_mb = 2048
storage_mb = 20480
gpus = 1
workdir = "/app"
env = { KEY = "\${KEY}", PLAIN = "x" }
[environment.healthcheck]
command = "true"
interval_sec = 0.5
retries = 0
[solution.env]
ANSWER = "42"`,
    });
    const { metadata, spec } = trialManifest(task, {
      ...OPTIONS,
      namespace: 'team',
      labels: { a: 'b' },
      run: 'run-1',
      agent: { env: [{ name: 'EXTRA', value: 'y' }] },
      variables: { KEY: 'secret' },
    });
    expect(metadata).to.deep.include({ namespace: 'team', labels: { a: 'b' } });
    expect(metadata.name).to.match(/^my-task-oracle-[0-9a-f]{12}$/);
    const { task: _, ...rest } = spec;
    expect(rest).to.deep.equal({
      environment: {
        image: 'debian:bookworm-slim',
        resources: {
          requests: { cpu: '500m', memory: '2048Mi', 'ephemeral-storage': '2048Mi' },
          limits: { memory: '2048Mi', 'ephemeral-storage': '20480Mi' },
        },
        gpus: 1,
        workdir: '/app',
        env: [
          { name: 'KEY', value: 'secret' },
          { name: 'PLAIN', value: 'x' },
        ],
        healthcheck: {
          command: 'true',
          intervalSeconds: 1,
          timeoutSeconds: 30,
          startPeriodSeconds: 0,
          startIntervalSeconds: 5,
          retries: 1,
        },
      },
      agent: {
        name: 'oracle',
        timeoutSeconds: 1,
        user: '1000',
        env: [
          { name: 'ANSWER', value: '42' },
          { name: 'EXTRA', value: 'y' },
        ],
      },
      verifier: { timeoutSeconds: 30, user: 'root', env: [{ name: 'JUDGE', value: 'none' }] },
      artifacts: [{ source: '/app/out' }, { source: '/a', destination: 'b' }],
      run: 'run-1',
    });
  });

  it('lets the options for the agent go before task.toml', async () => {
    const task = await read({ ...MINIMAL, 'task.toml': '[agent]\ntimeout_sec = 10\nuser = "a"' });
    const { spec } = trialManifest(task, { ...OPTIONS, agent: { name: 'nop', timeoutSeconds: 5 } });
    expect(spec.agent).to.deep.equal({ name: 'nop', timeoutSeconds: 5, user: 'a' });
  });

  it('names every variable that is not set, every unsupported field and a missing solution, all at once', async () => {
    const task = await read({
      ...MINIMAL,
      'task.toml':
        '[environment]\nskills_dir = "/s"\nenv = { A = "${AA}" }\n[verifier.env]\nB = "${BB}"\n[solution.env]\nC = "${CC}"',
    });
    const faults = (agent: string): string[] => {
      try {
        trialManifest(task, { ...OPTIONS, agent: { name: agent } });
      } catch (error) {
        if (error instanceof TaskFormatError) return error.problems.map(({ message }) => message);
      }
      return [];
    };
    const common = [
      'environment.env.A needs the variable AA, which is not set; set it, or give a default as in ${AA:-value}',
      'verifier.env.B needs the variable BB, which is not set; set it, or give a default as in ${BB:-value}',
    ];
    const skills = 'environment.skills_dir: skills are not supported yet';
    expect(faults('nop')).to.deep.equal([skills, ...common]);
    expect(faults('oracle')).to.deep.equal([
      skills,
      'solution/solve.sh is missing; the agent oracle needs it',
      ...common,
      'solution.env.C needs the variable CC, which is not set; set it, or give a default as in ${CC:-value}',
    ]);
  });
});
