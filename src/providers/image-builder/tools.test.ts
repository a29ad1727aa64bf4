import { expect } from 'chai';
import { zipSync, strToU8 } from 'fflate';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bashExecutor } from '../../../test/support/codebuild/bash/index.ts';
import { KEY, PLACE, PROJECT, useCodeBuild } from '../../../test/support/codebuild/testing.ts';
import type { ToolBuild, ToolBuildState } from '../tool-builder/port.ts';
import { codeBuildTools, toolsRequest } from './tools.ts';

const HOST = `${PLACE.account}.dkr.ecr.${PLACE.region}.amazonaws.com`;
const ROLE = `arn:aws:iam::${PLACE.account}:role/installer`;
const at = (name: string) => `${HOST}/sb-tools/${name}`;
const COPIES = [
  { source: 'docker.io/moby/buildkit:v1', target: at('buildkit:v1') },
  { source: 'docker.io/docker/dockerfile:1', target: at('dockerfile:1') },
];
const ARCHIVE = zipSync({ Dockerfile: strToU8('FROM scratch\n') }, { mtime: '2020-01-01' });
const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A registry in a folder: an image is a file. Each call is recorded. */
const DOCKER = `#!/bin/bash
echo "$*" >> "$WORLD/calls"
file() { printf '%s/images/%s' "$WORLD" "$(printf '%s' "$1" | tr '/:' '__')"; }
case "$1 $2 $3" in
  'buildx imagetools inspect') [ -e "$(file "$4")" ] ;;
  'buildx imagetools create')
    left="$(cat "$WORLD/refusals" 2> /dev/null || echo 0)"
    if [ "$left" -gt 0 ]; then echo $((left - 1)) > "$WORLD/refusals"; echo 'toomanyrequests: 429' >&2; exit 1; fi
    echo "$6" > "$(file "$5")" ;;
  'buildx build '*)
    while [ $# -gt 1 ]; do [ "$1" = --tag ] && cp Dockerfile "$(file "$2")"; shift; done ;;
  *) exit 0 ;;
esac
`;
const AWS = `#!/bin/bash
case "$1 $2" in
  'ecr get-authorization-token') printf '%s\\t%s\\n' QVdTOnRva2Vu "https://$HOST" ;;
  'ecr-public get-authorization-token') echo QVdTOnB1YmxpYw== ;;
  's3api get-object') cp "$WORLD/context.zip" "\${@: -1}" ;;
esac
`;

describe('The build that brings images along', () => {
  let world = '';
  const tested = useCodeBuild(() => ({
    executor: bashExecutor({
      s3: { ...PLACE, endpoint: 'http://127.0.0.1:9', credentials: KEY },
      path: [join(world, 'bin'), '/usr/local/bin', '/usr/bin', '/bin'],
      env: { WORLD: world, HOST },
    }),
  }));
  before(() => {
    world = mkdtempSync(join(tmpdir(), 'sb-tools-'));
    mkdirSync(join(world, 'bin'));
    for (const [name, text] of [
      ['docker', DOCKER],
      ['aws', AWS],
    ] as const) {
      writeFileSync(join(world, 'bin', name), text);
      chmodSync(join(world, 'bin', name), 0o755);
    }
  });
  beforeEach(() => {
    rmSync(join(world, 'images'), { recursive: true, force: true });
    mkdirSync(join(world, 'images'));
    writeFileSync(join(world, 'calls'), '');
    writeFileSync(join(world, 'context.zip'), ARCHIVE);
  });
  after(() => rmSync(world, { recursive: true }));

  const settings = () => ({
    region: PLACE.region,
    project: PROJECT,
    stack: 'sb',
    role: ROLE,
    buildKit: at('buildkit:v1'),
    credentials: KEY,
    endpoint: tested.service.url,
    pauses: '0 0 0',
    readLog: async (group: string, stream: string) => tested.logs.lines(group, stream).join('\n'),
  });
  const build = (change: Partial<ToolBuild> = {}): ToolBuild => ({
    token: 'tools-1',
    copies: COPIES,
    loggedIn: false,
    ...change,
  });
  const image = {
    target: `${HOST}/sb-operator:1`,
    platform: 'linux/amd64',
    context: { bucket: 'artifacts', key: 'install/x.zip', sha256: digestOf(ARCHIVE) },
  };
  async function made(what: ToolBuild): Promise<ToolBuildState> {
    const builder = codeBuildTools(settings());
    const id = await builder.start(what);
    for (;;) {
      const state = await builder.state(id);
      if (state.kind !== 'running') return state;
      await sleep(20);
    }
  }
  const images = (): string[] => readdirSync(join(world, 'images')).sort();
  const calls = (): string[] => readFileSync(join(world, 'calls'), 'utf8').trim().split('\n');

  it('copies what is not there, under a role of its own', async () => {
    expect(await made(build())).to.deep.equal({ kind: 'succeeded' });
    expect(images()).to.have.lengthOf(2);
    const [record] = tested.service.builds;
    expect(record?.serviceRole).to.equal(ROLE);
  });

  it('copies nothing a second time', async () => {
    await made(build());
    writeFileSync(join(world, 'calls'), '');
    await made(build({ token: 'tools-2' }));
    expect(calls().filter((call) => call.includes('create'))).to.deep.equal([]);
  });

  it('tries again where a registry refuses', async () => {
    writeFileSync(join(world, 'refusals'), '2');
    expect(await made(build())).to.deep.equal({ kind: 'succeeded' });
  });

  it('gives up in the end, and says what it could not copy', async () => {
    writeFileSync(join(world, 'refusals'), '99');
    const state = await made(build());
    writeFileSync(join(world, 'refusals'), '0');
    expect(state).to.include({ kind: 'failed', phase: 'BUILD' });
    expect(state.kind === 'failed' && state.log).to.match(
      /sb-build: CopyFailed: docker.io\/moby\/buildkit:v1/,
    );
    expect(images()).to.deep.equal([]);
  });

  it('builds the image of the archive that was checked, with AWS’s copies of its base images', async () => {
    expect(await made(build({ image }))).to.deep.equal({ kind: 'succeeded' });
    expect(existsSync(join(world, 'images', image.target.replaceAll(/[/:]/g, '_')))).to.equal(true);
    const [call = ''] = calls().filter((one) => one.startsWith('buildx build '));
    expect(call).to.contain(
      '--build-context=node:26-slim=docker-image://public.ecr.aws/docker/library/node:26-slim',
    );
    expect(call).to.contain('--platform linux/amd64');
  });

  it('builds nothing of an archive that is another', async () => {
    writeFileSync(join(world, 'context.zip'), 'another');
    expect(await made(build({ image }))).to.include({ kind: 'failed', phase: 'BUILD' });
    expect(images()).to.have.lengthOf(2);
  });

  it('builds no image that is there', async () => {
    await made(build({ image }));
    writeFileSync(join(world, 'calls'), '');
    await made(build({ image, token: 'tools-2' }));
    expect(calls().some((call) => call.startsWith('buildx build '))).to.equal(false);
  });

  it('takes a login at Docker Hub out of Secrets Manager, where there is one, and never shows it', () => {
    const { environmentVariablesOverride: variables = [] } = toolsRequest(
      build({ loggedIn: true }),
      settings(),
    );
    expect(
      variables.filter(({ type }) => type === 'SECRETS_MANAGER').map(({ value }) => value),
    ).to.deep.equal(['sb/dockerhub:username', 'sb/dockerhub:password']);
  });

  it('hands names over as data, whatever a shell would make of them', async () => {
    const source = 'docker.io/a:$(touch${IFS}"$WORLD/pwned")';
    await made(build({ copies: [{ source, target: at('a:1') }] }));
    expect(existsSync(join(world, 'pwned'))).to.equal(false);
    expect(calls().some((call) => call.endsWith(source))).to.equal(true);
  });
});
