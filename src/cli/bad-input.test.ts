/** What people get wrong, and the four lines that each of it is answered with. */
import { expect } from 'chai';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chmod, mkdir, readFile, symlink, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { agentNames } from '../crds/agents.ts';
import { run } from './program.ts';
import { programOf } from '../../test/support/bundle.ts';
import { fixedApi, healthy, type Answer, type FixedApi } from '../../test/support/client/api.ts';
import { below, folderOf, type Folder } from '../../test/support/folder.ts';
import { recordedIo } from '../../test/support/terminal/recorded.ts';

const TASK = {
  'task.toml': '',
  'instruction.md': 'Write hello.\n',
  'environment/Dockerfile': 'FROM debian:13\n',
  'solution/solve.sh': 'echo hello > hello.txt\n',
  'tests/test.sh': 'echo 1 > /logs/verifier/reward.txt\n',
};
const SHARED = { ...TASK, 'task.toml': '[task]\nname = "acme/same"\n' };
const NO_BUCKET =
  '<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>';
const LONG = 'x'.repeat(201);

interface Mistake {
  /** Files of the folder that the command is started in. */
  files?: Record<string, string | undefined>;
  /** What files alone cannot say. */
  also?: (folder: string) => Promise<unknown>;
  /** After `sb cloud run`. */
  args: string;
  /** The four lines on stderr without their labels, `…` for the folder: what, why, what to do, code. */
  says: [what: string, why: string, fix: string, code: string];
}

const task = (files: Record<string, string> = {}) => below('task', { ...TASK, ...files });
const inTask = (why: string, path = 'task'): Mistake['says'] => [
  `a folder is no valid task in ${path}`,
  why,
  `sb task check ${/^\w+$/.test(path) ? path : `'${path}'`}`,
  'SB-E014',
];
const RUN_NAMES =
  'expected 1 to 63 letters, digits, dots, underscores and hyphens, with a letter or digit at both ends';

const OF_TASKS: Record<string, Mistake> = {
  'a path that is not there': {
    args: '-t nowhere',
    says: ['cannot read tasks from nowhere', 'there is no such folder', 'ls -ld nowhere', 'SB-E013'],
  },
  'a path that is a file': {
    files: task(),
    args: '-t task/task.toml',
    says: [
      'cannot read tasks from task/task.toml',
      'it is a file',
      'give the folder of a task (with its task.toml), or a folder of such folders',
      'SB-E013',
    ],
  },
  'an empty folder': {
    also: (folder) => mkdir(join(folder, 'empty')),
    args: '-t empty',
    says: [
      'cannot read tasks from empty',
      'no folder in it has a task.toml',
      'give the folder of a task, or a folder that holds such folders at any depth',
      'SB-E030',
    ],
  },
  'a task.toml that is no TOML': {
    files: task({ 'task.toml': 'a = = 1\n' }),
    args: '-t task',
    says: inTask('task.toml:1:5: not valid TOML: invalid value'),
  },
  'values of the wrong type': {
    files: task({ 'task.toml': '[agent]\ntimeout_sec = "x"\n[environment]\ncpus = true\n' }),
    args: '-t task',
    says: inTask(
      'task.toml:2: agent.timeout_sec is "x"; expected a number of seconds greater than 0\n' +
        'task.toml:4: environment.cpus is true; expected a number of CPUs greater than 0',
    ),
  },
  'an agent that does not exist': {
    args: '-t nowhere -a claud',
    says: [
      'cannot run the agent claud',
      'there is no such agent',
      `choose one of ${agentNames.join(', ')}`,
      'SB-E037',
    ],
  },
  'two different tasks of one name': {
    files: { ...below('a/one', SHARED), ...below('b/one', { ...SHARED, 'instruction.md': 'No.\n' }) },
    args: '-t .',
    says: [
      'two tasks have the name acme/same',
      '…/a/one and …/b/one differ in instruction.md',
      'give one of them another name under [task] in task.toml',
      'SB-E031',
    ],
  },
  'two different tasks of one name, in folders of different names': {
    files: { ...below('one', SHARED), ...below('two', { ...SHARED, 'instruction.md': 'No.\n' }) },
    args: '-t .',
    says: [
      'two tasks have the name acme/same',
      '…/one and …/two differ in instruction.md',
      'give one of them another name under [task] in task.toml, or leave it out: -x two',
      'SB-E031',
    ],
  },
  'a task called by an emoji': {
    files: below('🦊', TASK),
    args: '-t 🦊',
    says: inTask(
      '🦊: the name "🦊" has characters other than letters, digits, dots, hyphens and underscores; rename the folder, or set name under [task] in task.toml',
      '🦊',
    ),
  },
  'a task with a name of 201 characters': {
    files: below(LONG, TASK),
    args: `-t ${LONG}`,
    says: inTask(
      `${LONG}: the name has 201 characters; expected at most 200: rename the folder, or set name under [task] in task.toml`,
      LONG,
    ),
  },
  'a task’s name with two slashes': {
    files: task({ 'task.toml': '[task]\nname = "a/b/c"\n' }),
    args: '-t task',
    says: inTask(
      'task.toml:2: task.name is "a/b/c"; expected org/name of letters, digits, dots, hyphens and underscores, at most 200',
    ),
  },
  'a run called by an emoji': {
    args: '-t nowhere --run-name 🦊',
    says: ['cannot name a run "🦊"', RUN_NAMES, '--run-name my-run', 'SB-E034'],
  },
  'a run’s name with a slash': {
    args: '-t nowhere --run-name team/nightly',
    says: ['cannot name a run "team/nightly"', RUN_NAMES, '--run-name team-nightly', 'SB-E034'],
  },
  'a run with a name of 201 characters': {
    args: `-t nowhere --run-name ${LONG}`,
    says: [`cannot name a run "${LONG}"`, RUN_NAMES, `--run-name ${LONG.slice(0, 63)}`, 'SB-E034'],
  },
  'a namespace that can be none': {
    args: '-t nowhere -n Team/Agents',
    says: [
      'cannot use the namespace "Team/Agents"',
      'a namespace has a name of 1 to 63 lower-case letters, digits and hyphens, with a letter or digit at both ends',
      'kubectl get namespaces',
      'SB-E009',
    ],
  },
  'a link out of the task’s folder': {
    files: task(),
    also: (folder) => symlink('/etc/passwd', join(folder, 'task/tests/passwd')),
    args: '-t task',
    says: inTask(
      'task: tests/passwd is a link out of the task’s folder; put a copy of what it leads to in its place',
    ),
  },
  'a task of 2 GB': {
    files: task({ 'environment/disk.img': '' }),
    also: (folder) => truncate(join(folder, 'task/environment/disk.img'), 2 ** 31),
    args: '-t task',
    says: inTask(
      'task: the task has 2049 MiB of files, of which environment/disk.img is 2048 MiB; expected at most 1024 MiB: fetch large files in the Dockerfile, or put them into an image',
    ),
  },
};

/** After `sb cloud run -t task` against a cluster that has everything but this. */
interface Lack {
  answers?: Record<string, Answer | ((body: string) => Answer) | undefined>;
  args?: string;
  says: Mistake['says'];
}

const API = '/apis/sb.abundant.ai';
const SCHEMAS = `/openapi/v3${API}/v1alpha1`;
const CLIENT = '/api/v1/namespaces/sb-system/configmaps/sb-client';
const TRIALS = 'count/trials.sb.abundant.ai';

/** What an API server publishes whose Trials know no models. */
function olderSchemas(): Answer {
  const older = structuredClone(healthy()[SCHEMAS]) as { components: { schemas: Record<string, any> } };
  const { spec } = older.components.schemas['ai.abundant.sb.v1alpha1.Trial'].properties;
  delete spec.properties.agent.properties.model;
  return older;
}

/** A cluster in which nothing was run. */
const EMPTY = {
  [`${API}/v1alpha1/namespaces/default/trials`]: { metadata: {}, items: [] },
  '/api/v1/namespaces/sb-system/secrets/sb-s3': {
    data: { AWS_ACCESS_KEY_ID: 'c2I=', AWS_SECRET_ACCESS_KEY: 'c2I=' },
  },
};

const withoutResources = (why: string): Mistake['says'] => [
  'cannot use the custom resources in the cluster of context test',
  why,
  'kubectl apply --server-side -k config/crd    (in a checkout of sb-operator)',
  'SB-E007',
];

const OF_CLUSTERS: Record<string, Lack> = {
  'a context that is not there': {
    args: '--context staging',
    says: [
      'cannot use the context staging',
      'the kubeconfig has no such context; it has: test, elsewhere',
      'add --context test',
      'SB-E003',
    ],
  },
  'permissions that are missing': {
    answers: {
      '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews': (body) => ({
        status: { allowed: !/"(create|patch)"/.test(body) },
      }),
    },
    says: [
      'you may not create trials.sb.abundant.ai in namespace default',
      'the cluster says no to: create trials.sb.abundant.ai, patch trials.sb.abundant.ai',
      'an administrator runs, with your name as printed by kubectl auth whoami:\n' +
        'kubectl create role sb-trials --verb=create,patch --resource=trials.sb.abundant.ai -n default\n' +
        'kubectl create rolebinding sb-trials --role=sb-trials --user=<you> -n default',
      'SB-E006',
    ],
  },
  'custom resources that are not installed': {
    answers: { [API]: undefined },
    says: withoutResources('the cluster has no resources of sb.abundant.ai'),
  },
  'custom resources of another version': {
    answers: { [API]: { versions: [{ version: 'v1' }] } },
    says: withoutResources('the cluster has sb.abundant.ai/v1; this sb speaks sb.abundant.ai/v1alpha1'),
  },
  'custom resources that are older': {
    answers: { [SCHEMAS]: olderSchemas() },
    says: withoutResources('they are older than this sb: they do not know Trial spec.agent.model'),
  },
  'a namespace that is not there': {
    args: '-n agents',
    says: [
      'cannot use the namespace agents',
      'the cluster of context test has no such namespace',
      'kubectl --context test create namespace agents    (or choose another with -n)',
      'SB-E009',
    ],
  },
  'a quota without room for the Trials': {
    answers: {
      '/api/v1/namespaces/default/resourcequotas': {
        items: [
          { metadata: { name: 'team-a' }, status: { hard: { [TRIALS]: '10' }, used: { [TRIALS]: '8' } } },
        ],
      },
    },
    args: '-k 3',
    says: [
      'the quota team-a of namespace default has no room for the run nightly',
      `${TRIALS}: 8 of 10 used, all Trials together want 3`,
      'kubectl describe resourcequota team-a -n default    (delete runs that are over, ask for more, or run fewer: -l, -k)',
      'SB-E017',
    ],
  },
  'a bucket that is not there': {
    says: [
      'the store did not carry out the request',
      'get s3://b/tasks/local/task/59d143b69056/metadata.json: NoSuchBucket: The specified bucket does not exist',
      'kubectl get configmap sb-client -n sb-system -o yaml    (is the bucket’s name right?)',
      'SB-E010',
    ],
  },
};

/** As `printFailure` prints it. */
function fourLines([what, why, fix, code]: Mistake['says']): string {
  const line = (label: string, said: string): string =>
    `${label.padEnd(6)} ${said.replaceAll('\n', `\n${' '.repeat(7)}`)}\n`;
  return (
    line('error:', what) +
    line('cause:', why) +
    line('fix:', fix) +
    line('code:', `${code} (docs/errors/${code}.md)`)
  );
}

/** What takes the right to read everything from root. */
function unprivileged(test: Mocha.Context): string[] {
  if (process.getuid?.() !== 0) return [];
  const [setpriv, ...options] = [
    'setpriv',
    '--bounding-set',
    '-dac_override,-dac_read_search',
    '--',
  ] as const;
  if (spawnSync(setpriv, [...options, 'true']).status !== 0) test.skip();
  return [setpriv, ...options];
}

describe('Bad input is told in four lines:', () => {
  let folder: Folder;
  afterEach(() => folder.remove());

  async function told(args: readonly string[], says: Mistake['says'], exit: number): Promise<void> {
    const io = recordedIo({ cwd: folder.path });
    const code = await run(['cloud', 'run', ...args], io);
    expect(io.terminal.stderr.replaceAll(folder.path, '…')).to.equal(fourLines(says));
    expect([code, io.terminal.stdout]).to.deep.equal([exit, '']);
  }

  for (const [name, { files = {}, also, args, says }] of Object.entries(OF_TASKS))
    it(name, async () => {
      folder = await folderOf(files);
      await also?.(folder.path);
      await told([...args.split(' '), '--dry-run', '-o', 'name'], says, 2);
    });

  it('a file that cannot be read', async function () {
    folder = await folderOf(task());
    await chmod(join(folder.path, 'task/tests/test.sh'), 0o000);
    const main = await programOf('src/cli/main.ts');
    const sb = async (...words: string[]) => {
      const [command = '', ...args] = [...unprivileged(this), process.execPath, main, ...words];
      const child = spawn(command, args, { cwd: folder.path, env: {}, stdio: ['ignore', 'pipe', 'pipe'] });
      const ended = once(child, 'close') as Promise<[number]>;
      const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
      return { code, stdout, stderr };
    };
    const why = 'tests/test.sh cannot be read: permission denied';
    expect(await sb('cloud', 'run', '-t', 'task', '--dry-run')).to.deep.equal({
      code: 2,
      stdout: '',
      stderr: fourLines(inTask(`task: ${why}`)),
    });
    const checked = await sb('task', 'check', 'task');
    expect(checked.code).to.equal(1);
    expect(checked.stdout).to.include(`task/tests/test.sh: error: ${why}`);
  });

  it('but for secrets that Git ignores, which stay here and are told of in one', async () => {
    const secrets = { 'environment/.env': 'KEY=hush', 'tests/token.txt': 'hush' };
    folder = await folderOf(task({ ...secrets, '.gitignore': '.env\ntoken.txt\n' }));
    const io = recordedIo({ cwd: folder.path });
    expect(await run(['task', 'pack', 'task', '--to', 'out'], io)).to.equal(0);
    expect(io.terminal.stderr).to.equal(
      '2 files left out that Git ignores and that look secret: task/environment/.env, task/tests/token.txt\n',
    );
    for (const name of ['task.zip', 'context.zip', 'metadata.json'])
      expect((await readFile(join(folder.path, 'out', name))).toString('latin1')).to.not.match(/\.env|token/);
  });

  describe('of a cluster with', () => {
    let api: FixedApi;
    let store: Server;
    before(async () => {
      store = createServer((_request, response) => response.writeHead(404).end(NO_BUCKET));
      await once(store.listen(0, '127.0.0.1'), 'listening');
    });
    after(() => store.close());
    afterEach(() => api.close());

    for (const [name, { answers = {}, args = '', says }] of Object.entries(OF_CLUSTERS))
      it(name, async () => {
        const endpoint = `http://127.0.0.1:${(store.address() as AddressInfo).port}`;
        const usual = healthy();
        const { data } = usual[CLIENT] as { data: object };
        const changed = { [CLIENT]: { data: { ...data, endpoint } }, ...answers };
        api = await fixedApi({ ...usual, ...EMPTY, ...changed });
        folder = await folderOf({ ...task(), config: api.kubeconfig });
        const options = ['-t', 'task', '--run-name', 'nightly', '--detach', '--kubeconfig', 'config'];
        await told([...options, ...args.split(' ').filter(Boolean)], says, 3);
      });
  });
});
