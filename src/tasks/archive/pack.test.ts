import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { MINIMAL, removeTaskFolder, taskFolder, type Files } from '../../../test/support/folder.ts';
import { readTask } from '../folder/read.ts';
import { environmentHash, taskHash } from '../hash.ts';
import { packContext, packTask } from './pack.ts';
import { unpack } from './unpack.ts';

const name = fc.stringMatching(/^[a-z0-9_.-]{1,8}$/).filter((part) => !/^\.+$/.test(part));
const contents = fc.uint8Array({ maxLength: 200 });
/** Extra files in folders of their own, so that none is both file and folder. */
const extra = fc.dictionary(
  fc
    .tuple(fc.constantFrom('environment', 'solution', 'tests'), name, name)
    .map((parts) => parts.join('/d.').replace(/$/, '!')),
  contents,
  { maxKeys: 6 },
);

async function inFolder<T>(files: Files, work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await taskFolder(files);
  try {
    return await work(dir);
  } finally {
    await removeTaskFolder(dir);
  }
}

const identity = async (dir: string) => {
  const task = await readTask(dir);
  const archives = [await packTask(task), await packContext(task)].map((zip) =>
    Buffer.from(zip).toString('base64'),
  );
  return { hash: taskHash(task), environment: environmentHash(task), archives };
};

describe('hashes and archives', () => {
  it('have the same bytes whatever the order, the times and the umask of files', () =>
    fc.assert(
      fc.asyncProperty(
        extra,
        fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }),
        async (files, time) => {
          const all: Files = { ...MINIMAL, ...files };
          const one = await inFolder(all, identity);
          const other = await inFolder(Object.fromEntries(Object.entries(all).toReversed()), async (dir) => {
            for (const path of Object.keys(all)) {
              await chmod(join(dir, path), path.endsWith('.sh') ? 0o775 : 0o664);
              await utimes(join(dir, path), time, time);
            }
            return await identity(dir);
          });
          expect(other).to.deep.equal(one);
        },
      ),
      { numRuns: 25 },
    ));

  it('do not depend on the time zone', () =>
    inFolder(MINIMAL, async (dir) => {
      const program = `
        import { readTask, packTask } from ${JSON.stringify(join(import.meta.dirname, '../index.ts'))};
        process.stdout.write(Buffer.from(await packTask(await readTask(${JSON.stringify(dir)}))).toString('base64'));`;
      const [one, two] = ['Pacific/Kiritimati', 'America/Los_Angeles'].map((TZ) =>
        execFileSync(process.execPath, ['--input-type=module', '-e', program], {
          env: { TZ },
        }).toString(),
      );
      expect(one).to.equal(two);
      expect(one).to.not.equal('');
    }));

  it('change with every byte and every path', () =>
    inFolder(MINIMAL, async (dir) => {
      const before = await identity(dir);
      await writeFile(join(dir, 'environment/a'), '1');
      const added = await identity(dir);
      await rename(join(dir, 'environment/a'), join(dir, 'environment/b'));
      const renamed = await identity(dir);
      await writeFile(join(dir, 'environment/b'), '2');
      const changed = await identity(dir);
      for (const key of ['hash', 'environment'] as const)
        expect(new Set([before, added, renamed, changed].map((seen) => seen[key]))).to.have.length(4);
    }));

  it('tell environments apart whose files differ only in the executable bit', () =>
    inFolder(MINIMAL, async (dir) => {
      const before = await identity(dir);
      await chmod(join(dir, 'environment/Dockerfile'), 0o755);
      const after = await identity(dir);
      expect(after.environment).to.not.equal(before.environment);
      expect(after.hash).to.equal(before.hash);
    }));

  it('have fixed values for a fixed task', () =>
    inFolder(MINIMAL, async (dir) => {
      const task = await readTask(dir);
      // printf 'path\0sha256\n' for each file in order, into sha256sum.
      const lines = task.files.map(({ path }) => path);
      const script =
        'for f; do printf "%s\\0%s\\n" "$f" "$(sha256sum < "$f" | cut -c1-64)"; done | sha256sum | cut -c1-64';
      const expected = execFileSync('sh', ['-c', script, 'sh', ...lines], { cwd: dir })
        .toString()
        .trim();
      expect(taskHash(task)).to.equal(expected);
    }));

  it('come back from a round trip as they were', () =>
    fc.assert(
      fc.asyncProperty(extra, fc.boolean(), async (files, onDisk) => {
        await inFolder({ ...MINIMAL, ...files }, async (dir) => {
          const task = await readTask(dir);
          const zip = await packTask(task);
          const target = join(dirname(dir), 'unpacked', 'task');
          await writeFile(`${dir}.zip`, zip);
          await unpack(onDisk ? `${dir}.zip` : zip, target);
          const again = await readTask(target);
          expect(again.files).to.deep.equal(task.files);
        });
      }),
      { numRuns: 25 },
    ));

  it('hold the context with paths as the Dockerfile sees them, odd names too', () =>
    inFolder(
      { ...MINIMAL, 'environment/__proto__': 'p', 'environment/1': 'one', 'environment/bin/run.sh': '' },
      async (dir) => {
        const target = await mkdtemp(join(tmpdir(), 'sb-context-'));
        await unpack(await packContext(await readTask(dir)), target);
        const list = execFileSync('find', ['.', '-type', 'f', '-printf', '%P %m\n'], {
          cwd: target,
        }).toString();
        expect(list.trim().split('\n').toSorted()).to.deep.equal([
          '1 644',
          'Dockerfile 644',
          '__proto__ 644',
          'bin/run.sh 755',
        ]);
        await rm(target, { recursive: true });
      },
    ));

  it('hold links, empty folders and permissions of the context as they are', () =>
    inFolder({ ...MINIMAL, 'environment/app/key': 'k', 'environment/open/x': '' }, async (dir) => {
      const of = (path: string): string => join(dir, 'environment', path);
      await symlink('../../..', of('app/out'));
      await symlink('key', of('app/link'));
      await symlink('/opt/nowhere', of('none'));
      await mkdir(of('app/data'));
      await chmod(of('app/key'), 0o600);
      await chmod(of('open'), 0o750);
      const list = (folder: string): string[] =>
        execFileSync('find', ['.', '-mindepth', '1', '-printf', '%P %M %l\\n'], { cwd: folder })
          .toString()
          .trim()
          .split('\n')
          .toSorted();
      const parent = await mkdtemp(join(tmpdir(), 'sb-context-'));
      // As the kubelet gives it to a build, for fsGroup.
      await chmod(parent, 0o2775);
      await mkdir(join(parent, 'context'));
      await chmod(join(parent, 'context'), 0o2775);
      const before = process.umask(0o027);
      try {
        await unpack(await packContext(await readTask(dir)), join(parent, 'context'), { context: '' });
        await unpack(await packTask(await readTask(dir)), join(parent, 'task'), { context: 'environment/' });
      } finally {
        process.umask(before);
      }
      expect(list(join(parent, 'context'))).to.deep.equal(list(join(dir, 'environment')));
      expect(list(join(parent, 'task/environment'))).to.deep.equal(list(join(dir, 'environment')));
      const again = await readTask(join(parent, 'task'));
      const task = await readTask(dir);
      expect([taskHash(again), environmentHash(again)]).to.deep.equal([
        taskHash(task),
        environmentHash(task),
      ]);
      await rm(parent, { recursive: true });
    }));

  it('can be read by the unzip programs of others', function () {
    if (spawnSync('python3', ['--version']).error) this.skip();
    return inFolder({ ...MINIMAL, 'tests/ü.txt': 'ü' }, async (dir) => {
      await writeFile(`${dir}.zip`, await packTask(await readTask(dir)));
      const read =
        'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print("\\n".join(f"{i.filename} {i.external_attr >> 16:o} {i.date_time[:3]}" for i in z.infolist()))';
      const list = execFileSync('python3', ['-X', 'utf8', '-c', read, `${dir}.zip`]).toString();
      expect(list.trim().split('\n')).to.deep.equal([
        'environment/Dockerfile 100644 (1980, 1, 1)',
        'instruction.md 100644 (1980, 1, 1)',
        'task.toml 100644 (1980, 1, 1)',
        'tests/test.sh 100755 (1980, 1, 1)',
        'tests/ü.txt 100644 (1980, 1, 1)',
      ]);
    });
  });

  it('are refused when a file changed after the task was read', () =>
    inFolder(MINIMAL, async (dir) => {
      const task = await readTask(dir);
      await writeFile(join(dir, 'instruction.md'), 'Do another thing.\n');
      const error = await packTask(task).catch((thrown: unknown) => thrown);
      expect(String(error)).to.match(/instruction\.md: changed while the task was being packed; try again/);
      expect((await stat(dir)).isDirectory()).to.equal(true);
    }));
});
