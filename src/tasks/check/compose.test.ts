import { expect } from 'chai';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { folderOf, type Folder } from '../../../test/support/folder.ts';
import { composeMessages } from './compose.ts';

describe('A compose file', () => {
  let folder: Folder;
  before(async () => {
    folder = await folderOf({ 'environment/seed.sql': '' });
    symlinkSync('/etc', join(folder.path, 'environment/etc'));
  });
  after(() => folder.remove());
  const rules = (text: string): string[] =>
    composeMessages(text, {
      file: join(folder.path, 'environment/docker-compose.yaml'),
      root: folder.path,
    }).map(({ rule }) => rule);

  it('may use images by digest and what it builds itself', () => {
    const text = `services:\n  main: {build: ., image: own}\n  side: {image: own}\n  db: {image: "x@sha256:${'a'.repeat(64)}"}\n`;
    expect(rules(text)).to.deep.equal([]);
  });

  it('is told off for images by tag, privileges and capabilities', () => {
    const text =
      'services:\n  a: {image: "redis:7", privileged: true, cap_add: [SYS_ADMIN]}\n  b: {build: ., post_start: [{command: x, privileged: true}]}\n';
    expect(rules(text)).to.deep.equal([
      'unpinned-image',
      'compose-privileged',
      'compose-additional-capabilities',
      'compose-privileged',
    ]);
  });

  it('is told off for mounts that may be written or lead out of the task', () => {
    const volumes = [
      './seed.sql:/a:ro',
      './seed.sql:/a',
      '/srv/none:/s:ro',
      './etc/passwd:/p:ro',
      'named:/v',
      '/anonymous',
    ];
    expect(rules(`services:\n  a:\n    build: .\n    volumes: ${JSON.stringify(volumes)}\n`)).to.deep.equal([
      'compose-writable-bind-mount',
      'compose-external-bind-mount',
      'compose-external-bind-mount',
      'compose-symlink-bind-mount',
    ]);
  });

  it('is told off for a named volume that is a folder of the host', () => {
    const text =
      'services:\n  a: {build: ., volumes: [{type: volume, source: v, target: /v}]}\nvolumes:\n  v: {driver_opts: {type: none, o: "bind,ro", device: /srv}}\n';
    expect(rules(text)).to.deep.equal(['compose-external-bind-mount']);
  });

  it('is told where it is no YAML', () => {
    expect(rules('services: [')).to.deep.equal(['invalid-task-config']);
  });
});
