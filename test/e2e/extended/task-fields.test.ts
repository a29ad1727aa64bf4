import { expect } from 'chai';
import { Secret } from '../../../src/kube/kinds.ts';
import { checkedManifest, storedJson, storedText } from '../support/stored.ts';
import { trial } from '../support/stories.ts';
import { rewardIf } from '../support/task.ts';
import { world } from '../support/world.ts';

interface Entry {
  source: string;
  destination: string;
  status: string;
}

describe('what a task says of its container', () => {
  const seeds = trial('fields-seeds', {
    toml: `[environment]
docker_image = "debian:bookworm-slim"
workdir = "/srv/work"
[environment.env]
GREETING = "\${NOBODY_SETS_THIS:-hello}"
[environment.healthcheck]
command = "[ -f seed.txt ]"
retries = 1
[agent]
user = 1234
[verifier]
user = "nobody"
`,
    files: {
      'environment__seed.txt': 'seed\n',
      'environment__bin__tool.sh': '#!/bin/sh\necho "$GREETING"\n',
    },
    solution: 'cat seed.txt; ./bin/tool.sh; id -u; pwd',
    tests: rewardIf('[ "$(id -un)" = nobody ] && [ "$(pwd)" = /srv/work ] && [ "$(./bin/tool.sh)" = hello ]'),
  });
  const artifacts = trial('fields-artifacts', {
    toml: `artifacts = [{ source = "out", exclude = ["*.pyc", "cache"] }, "/tmp/links", "/tmp/none"]
[environment]
workdir = "/srv"
[[verifier.collect]]
command = "echo hook > out/hook; echo published > /logs/artifacts/report"
`,
    solution:
      'mkdir -p out/cache /tmp/links; echo 1 > out/one; echo 2 > out/two.pyc; echo 3 > out/cache/x; ln -s /etc/passwd /tmp/links/out; echo 4 > /tmp/links/file',
  });

  it('is there before the image’s own processes: files, variables, healthcheck, workdir and users', async () => {
    const done = await seeds.earns(1);
    expect(await storedText(done, 'agent/oracle.txt')).to.equal('seed\nhello\n1234\n/srv/work\n');
  });

  it('is kept without what is excluded, and listed as Harbor lists it', async () => {
    const done = await artifacts.earns(1);
    const { files } = await checkedManifest(done);
    const kept = files.map(({ path }) => path).filter((path) => path.startsWith('output/'));
    expect(kept).to.have.members([
      'output/manifest.json',
      'output/out/hook',
      'output/out/one',
      'output/report',
      'output/tmp/links/file',
    ]);
    const entries = await storedJson<Entry[]>(done, 'output/manifest.json');
    expect(entries.map(({ source, destination, status }) => [source, destination, status])).to.deep.equal([
      ['/logs/artifacts', 'artifacts', 'ok'],
      ['/srv/out', 'artifacts/out', 'ok'],
      ['/tmp/links', 'artifacts/tmp/links', 'failed'],
      ['/tmp/none', 'artifacts/tmp/none', 'failed'],
    ]);
  });
});

describe('skills and MCP servers of a task', () => {
  const secret = 'not-for-everyone-either';
  const toml = `[environment]
skills_dir = "/opt/skills"
[[environment.mcp_servers]]
name = "search"
transport = "http"
url = "https://search.example/mcp"
headers = { Authorization = "Bearer \${SEARCH_TOKEN}" }
[[environment.mcp_servers]]
name = "files"
transport = "stdio"
command = "mcp-files"
args = ["--root", "/srv"]
`;
  const custom = trial('fields-tools', {
    toml,
    agent: `cat "$SB_MCP_CONFIG"; echo; echo "$SB_SKILLS_DIR"; echo \${#SEARCH_TOKEN}`,
    spec: {
      agent: { env: [{ name: 'SEARCH_TOKEN', secretKeyRef: { name: 'search-secret', key: 'token' } }] },
    },
    given: ({ namespace }) =>
      world().kube.apply(Secret, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { namespace, name: 'search-secret' },
        stringData: { token: secret },
      }),
  });
  const unset = trial('fields-tools-unset', { toml, agent: 'true' });
  const oracle = trial('fields-tools-oracle', { toml, solution: 'env | grep -c SB_ ; true' });

  it('are given to an agent that takes them, and no credential is anywhere', async () => {
    const done = await custom.earns(1);
    const said = await storedText(done, 'agent/stdout.txt');
    const [config = '', skills, length] = said.split('\n');
    expect(JSON.parse(config)).to.deep.equal({
      mcpServers: {
        search: {
          type: 'http',
          url: 'https://search.example/mcp',
          headers: { Authorization: 'Bearer ${SEARCH_TOKEN}' },
        },
        files: { type: 'stdio', command: 'mcp-files', args: ['--root', '/srv'] },
      },
    });
    expect([skills, length]).to.deep.equal(['/opt/skills', String(secret.length)]);
    const texts = [JSON.stringify(custom.pods), JSON.stringify(done), said];
    for (const path of ['config.json', 'result.json', 'outcome.json', 'trial.log'])
      texts.push(await storedText(done, path));
    for (const text of texts) expect(text).not.to.contain(secret);
  });

  it('want their variables before anything runs', async () => {
    await unset.fails('TaskInvalid', /headers\.Authorization needs the variable SEARCH_TOKEN/);
    expect(unset.jobs).to.deep.equal([]);
  });

  it('are nothing to the oracle', () => oracle.earns(1));
});

describe('a type of GPU that nobody knows', () => {
  const unknown = trial('fields-gpu-unknown', {
    toml: '[environment]\ngpus = 1\ngpu_types = ["Abacus"]\n',
    solution: 'true',
  });

  it('is TaskUnsupported, with the setting that would add it', async () => {
    await unknown.fails('TaskUnsupported', /no GPU of type Abacus; it knows .*h100.* SB_GPU_TYPES/);
    expect(unknown.jobs).to.deep.equal([]);
  });
});
