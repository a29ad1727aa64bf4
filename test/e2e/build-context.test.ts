import { expect } from 'chai';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ensureBaseImages } from './cluster/index.ts';
import { startSb } from './support/sb.ts';
import { early } from './support/stories.ts';
import { world } from './support/world.ts';

/** Of each check that fails a line, so that the log says which. */
const TEST = `#!/bin/sh
failed=0
check() { "$@" || { echo "failed: $*"; failed=1; }; }
is() { check [ "$(stat -c '%A %N' "$2")" = "$1 '$2'$3" ]; }
cd /app
is lrwxrwxrwx link.txt " -> 'real.txt'"
is lrwxrwxrwx current " -> 'releases/1'"
is lrwxrwxrwx absolute " -> '/etc/hostname'"
is lrwxrwxrwx nowhere " -> '/opt/not/there'"
is lrwxrwxrwx out " -> '../../..'"
is -rw------- key ""
is drwxr-xr-x data ""
is drwxr-x--- private ""
check [ "$(cat link.txt)" = real ]
check [ "$(cat current/name)" = one ]
check [ -z "$(ls data)" ]
echo $((1 - failed)) > /logs/verifier/reward.txt
`;

const FILES: Record<string, string> = {
  'task.toml': '',
  'instruction.md': 'Nothing is to be done.\n',
  'environment/Dockerfile': 'FROM debian:bookworm-slim\nCOPY app /app\nCOPY app/data /data\n',
  'environment/app/real.txt': 'real\n',
  'environment/app/releases/1/name': 'one\n',
  'environment/app/key': 'secret\n',
  'tests/test.sh': TEST,
  'solution/solve.sh': '#!/bin/sh\ntrue\n',
};
const LINKS: Record<string, string> = {
  'link.txt': 'real.txt',
  current: 'releases/1',
  absolute: '/etc/hostname',
  nowhere: '/opt/not/there',
  out: '../../..',
};

async function writeTask(folder: string): Promise<void> {
  for (const [path, text] of Object.entries(FILES)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
    await chmod(join(folder, path), path.endsWith('.sh') ? 0o755 : 0o644);
  }
  const app = join(folder, 'environment/app');
  for (const [name, target] of Object.entries(LINKS)) await symlink(target, join(app, name));
  for (const name of ['data', 'private']) await mkdir(join(app, name));
  await chmod(join(app, 'data'), 0o755);
  await chmod(join(app, 'private'), 0o750);
  await chmod(join(app, 'key'), 0o600);
}

const ran = early(async () => {
  const namespace = await world().makeNamespace();
  const cwd = await mkdtemp(join(tmpdir(), 'sb-build-context-'));
  await writeTask(join(cwd, 'as-docker-build'));
  await ensureBaseImages(['debian:bookworm-slim']);
  const small = ['--cpus', '0.05', '--memory', '64Mi', '--storage', '1Gi'];
  const args = ['cloud', 'run', '-t', 'as-docker-build', '--run-name', `context-${namespace}`, ...small];
  return {
    cwd,
    job: join(cwd, 'jobs', `context-${namespace}`),
    said: await startSb(args, { cwd, namespace }).end,
  };
});

describe('the context of a build', () => {
  after(async () => rm((await ran()).cwd, { recursive: true, force: true }));

  it('reaches the image as docker build has it: links, empty folders, permissions', async () => {
    const { job, said } = await ran();
    expect(said.code, said.stderr).to.equal(0);
    const trial = (await readdir(job)).find((name) => name.startsWith('as-docker-build')) ?? '';
    const log = await readFile(join(job, trial, 'verifier/test-stdout.txt'), 'utf8');
    expect(log).to.equal('');
    const result = await readFile(join(job, trial, 'result.json'), 'utf8');
    expect(JSON.parse(result)).to.have.nested.property('verifier_result.rewards.reward', 1);
  });
});
