import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { configMapHash } from '../crds/content.ts';
import { packContext, readTask } from '../tasks/index.ts';
import { startCourierServices, TOKEN } from '../../test/support/courier-services.ts';
import { MINIMAL, removeTaskFolder, taskFolder } from '../../test/support/folder.ts';
import { anAssignment } from '../../test/support/trial-assignment.ts';
import { copyContext, fetchContext } from './context.ts';

describe('the context of a build', () => {
  let folder: string;
  let context: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sb-context-'));
    context = join(folder, 'context');
    mkdirSync(context);
    // As a volume with fsGroup is.
    chmodSync(context, 0o2775);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const fetched = async (archive: Uint8Array | undefined, contextSha256: string) => {
    const services = await startCourierServices({
      assignment: () => anAssignment(),
      contextSha256,
      ...(archive && { archive }),
    });
    try {
      const tokenFile = join(folder, 'token');
      writeFileSync(tokenFile, TOKEN);
      return await fetchContext({
        broker: { url: services.url, ca: services.ca, tokenFile },
        folder: context,
        note: () => {},
      });
    } finally {
      await services.stop();
    }
  };
  const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

  it('is downloaded, checked and unpacked into the folder', async () => {
    const dir = await taskFolder({ ...MINIMAL, 'environment/a/run.sh': 'x' });
    const archive = await packContext(await readTask(dir));
    await removeTaskFolder(dir);
    expect(await fetched(archive, sha256(archive))).to.equal(undefined);
    expect(readFileSync(join(context, 'Dockerfile'), 'utf8')).to.equal('FROM debian:bookworm-slim\n');
    expect(statSync(join(context, 'a/run.sh')).mode & 0o777).to.equal(0o755);
    expect(statSync(join(context, 'a')).mode & 0o7777).to.equal(0o755);
  });

  it('is refused where it is another one, none at all, or gone', async () => {
    const bytes = Buffer.from('no archive');
    expect(await fetched(bytes, '0'.repeat(64))).to.deep.include({ reason: 'ContextMismatch' });
    expect(await fetched(bytes, sha256(bytes))).to.deep.include({ reason: 'ContextMismatch' });
    expect(await fetched(undefined, '0'.repeat(64))).to.deep.include({ reason: 'ContextNotFound' });
  });

  it('is copied from a ConfigMap as the kubelet mounts it', async () => {
    const mount = join(folder, 'mount');
    mkdirSync(join(mount, '..2026_01_01'), { recursive: true });
    symlinkSync('..2026_01_01', join(mount, '..data'));
    for (const [key, text] of [
      ['Dockerfile', 'FROM scratch\n'],
      ['src__main.sh', 'echo\n'],
      ['src__tool', '#!/bin/sh\n'],
    ] as const) {
      writeFileSync(join(mount, '..2026_01_01', key), text);
      symlinkSync(join('..data', key), join(mount, key));
    }
    const hash = configMapHash({
      data: { Dockerfile: 'FROM scratch\n', src__tool: '#!/bin/sh\n' },
      binaryData: { 'src__main.sh': Buffer.from('echo\n').toString('base64') },
    });
    expect(await copyContext(mount, context, hash)).to.equal(undefined);
    expect(readFileSync(join(context, 'src/main.sh'), 'utf8')).to.equal('echo\n');
    expect(statSync(join(context, 'src/tool')).mode & 0o777).to.equal(0o755);
    expect(statSync(join(context, 'src')).mode & 0o7777).to.equal(0o755);
    expect(statSync(join(context, 'Dockerfile')).mode & 0o777).to.equal(0o644);
  });

  it('is refused where the ConfigMap was changed after the operator had read it', async () => {
    const mount = join(folder, 'mount');
    mkdirSync(mount);
    writeFileSync(join(mount, 'Dockerfile'), 'FROM evil\n');
    const hash = configMapHash({ data: { Dockerfile: 'FROM good\n' } });
    expect(await copyContext(mount, context, hash)).to.deep.include({ reason: 'ContextMismatch' });
    writeFileSync(join(mount, 'Dockerfile'), 'FROM good\n');
    expect(await copyContext(mount, context, hash)).to.equal(undefined);
    writeFileSync(join(mount, 'more'), '');
    expect(await copyContext(mount, context, hash)).to.deep.include({ reason: 'ContextMismatch' });
  });

  it('is missing where the ConfigMap is empty or cannot be used', async () => {
    const mount = join(folder, 'mount');
    mkdirSync(mount);
    const hash = configMapHash({});
    expect(await copyContext(mount, context, hash)).to.deep.include({ reason: 'ContextNotFound' });
    writeFileSync(join(mount, 'a____b'), '');
    expect((await copyContext(mount, context, hash))?.message).to.include('"a____b" is no path');
  });
});
