import { expect } from 'chai';
import { parseTaskToml } from './parse.ts';
import { TaskFormatError } from './problems.ts';

function refusal(text: string): TaskFormatError {
  try {
    parseTaskToml(text);
  } catch (error) {
    if (error instanceof TaskFormatError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

const messages = (text: string): string[] => refusal(text).message.split('\n');

describe('parseTaskToml', () => {
  it('fills in the defaults of Harbor 0.25', () => {
    expect(parseTaskToml('')).to.deep.equal({
      schema_version: '1.4',
      metadata: {},
      agent: {},
      verifier: { timeout_sec: 600, env: {}, collect: [] },
      environment: { build_timeout_sec: 600, os: 'linux', network_mode: 'public', mcp_servers: [], env: {} },
      solution: { env: {} },
      artifacts: [],
    });
  });

  it('fills in the defaults of optional tables only where they are given', () => {
    const { environment, steps } = parseTaskToml(`
[environment.healthcheck]
command = "true"
[[environment.mcp_servers]]
name = "files"
url = "http://localhost"
[[steps]]
name = "one"
[[steps.verifier.collect]]
command = "dump"`);
    expect(environment.healthcheck).to.deep.equal({
      command: 'true',
      interval_sec: 5,
      timeout_sec: 30,
      start_period_sec: 0,
      start_interval_sec: 5,
      retries: 3,
    });
    expect(environment.mcp_servers[0]).to.include({ transport: 'sse' });
    expect(steps?.[0]?.verifier).to.deep.equal({
      timeout_sec: 600,
      env: {},
      collect: [{ command: 'dump', service: 'main', timeout_sec: 60 }],
    });
  });

  it('keeps keys and sections that it does not know, dates and large integers among them', () => {
    const config = parseTaskToml(`
format = "x"
[metadata]
day = 2026-01-02
big = 9007199254740993
[agent]
inherit_prior_session = true
[dependencies]
a = 1.5`);
    expect(config).to.deep.include({ format: 'x', dependencies: { a: 1.5 } });
    expect(config.agent).to.deep.equal({ inherit_prior_session: true });
    expect(config.metadata['big']).to.equal(9007199254740993n);
    expect(JSON.stringify(config.metadata['day'])).to.equal('"2026-01-02"');
  });

  it('reads the deprecated names', () => {
    const { schema_version, environment, verifier } = parseTaskToml(`
version = "1.0"
[environment]
memory = "2G"
storage = "1.5g"
allow_internet = false
os = "Linux"
[verifier.environment]
memory = "512M"
allow_internet = true`);
    expect(schema_version).to.equal('1.0');
    expect(environment).to.include({
      memory_mb: 2048,
      storage_mb: 1536,
      network_mode: 'no-network',
      os: 'linux',
    });
    expect(environment).to.not.have.any.keys('memory', 'storage', 'allow_internet');
    expect(verifier.environment).to.include({ memory_mb: 512, network_mode: 'public' });
  });

  it('lets network_mode go before allow_internet', () => {
    const { environment } = parseTaskToml('[environment]\nallow_internet = false\nnetwork_mode = "public"');
    expect(environment.network_mode).to.equal('public');
  });

  it('says line and column of a syntax error', () => {
    const error = refusal('a = 1\n[x\n');
    expect(error).to.include({ file: 'task.toml', line: 2, column: 3 });
    expect(error.message).to.match(/^task\.toml:2:3: not valid TOML: /);
  });

  it('reports all problems at once, each with field, value, expectation and line', () => {
    expect(
      messages(`version = 1.5
artifacts = [{ destination = "x" }, "../a", 3]
[agent]
timeout_sec = "ten"
user = 1.5
[environment]
memory = "2GB"
cpus = nan
env = { A = 1 }
network_mode = "off"
[environment.healthcheck]
interval_sec = -1
[[steps]]
name = "a"
[[steps]]
name = "a/b"
[steps.agent]
timeout_sec = 0
[task]
authors = "me"`),
    ).to.deep.equal([
      'task.toml:1: schema_version is 1.5; expected a string such as "1.4"',
      'task.toml:2: artifacts[0] is {"destination":"x"}; expected a path, or a table with source and perhaps destination, exclude (a list), service',
      'task.toml:2: artifacts[2] is 3; expected a path, or a table with source and perhaps destination, exclude (a list), service',
      'task.toml:4: agent.timeout_sec is "ten"; expected a number of seconds greater than 0',
      'task.toml:5: agent.user is 1.5; expected a user name or a number, 0 or more',
      'task.toml:7: environment.memory is "2GB"; expected a size such as "2G" or "512M"',
      'task.toml:8: environment.cpus is NaN; expected a number of CPUs greater than 0',
      'task.toml:9: environment.env.A is 1; expected a string',
      'task.toml:10: environment.network_mode is "off"; expected one of public, no-network, allowlist',
      'task.toml:11: environment.healthcheck.command is missing; expected a shell command',
      'task.toml:12: environment.healthcheck.interval_sec is -1; expected a number of seconds, 0 or more',
      'task.toml:18: steps[1].agent.timeout_sec is 0; expected a number of seconds greater than 0',
      'task.toml:19: task.name is missing; expected org/name of letters, digits, dots, hyphens and underscores, at most 200',
      'task.toml:20: task.authors is "me"; expected a list of tables',
    ]);
  });

  it('goes on to the rules between fields where defaults can stand in for what does not fit', () => {
    expect(messages('[agent]\ntimeout_sec = "ten"\nallowed_hosts = ["a.org"]')).to.deep.equal([
      'task.toml:2: agent.timeout_sec is "ten"; expected a number of seconds greater than 0',
      'task.toml:3: agent.allowed_hosts has a meaning only with network_mode = "allowlist"',
    ]);
  });

  describe('reads numbers as pydantic does', () => {
    const timeout = (value: string) => parseTaskToml(`[agent]\ntimeout_sec = ${value}`).agent.timeout_sec;
    const memory = (value: string) =>
      parseTaskToml(`[environment]\nmemory_mb = ${value}`).environment.memory_mb;

    // What pydantic 2.13 makes of them.
    const numbers: [string, number][] = [
      ['"120"', 120],
      ['" 120 "', 120],
      ['"1_000"', 1000],
      ['"1e3"', 1000],
      ['".5"', 0.5],
      ['"5."', 5],
      ['"+5"', 5],
    ];
    for (const [text, value] of numbers)
      it(`takes ${text} for ${value} seconds`, () => expect(timeout(text)).to.equal(value));
    for (const text of [
      '""',
      '"abc"',
      '"0x10"',
      '"1__0"',
      '"1,000"',
      '"nan"',
      'nan',
      '"-5"',
      '"-inf"',
      'true',
    ])
      it(`refuses ${text} for seconds`, () => expect(() => timeout(text)).to.throw(/agent\.timeout_sec is/));

    for (const [text, value] of [
      ['"2048"', 2048],
      ['"2048.0"', 2048],
      ['2048.0', 2048],
      ['"1_024"', 1024],
    ] as const)
      it(`takes ${text} for ${value} megabytes`, () => expect(memory(text)).to.equal(value));
    for (const text of ['"2e3"', '"2.5"', '"2048."', '"inf"', 'inf', 'false'])
      it(`refuses ${text} for megabytes`, () =>
        expect(() => memory(text)).to.throw(/environment\.memory_mb is/));

    it('takes the longest time that a Trial may have for an endless one', () => {
      for (const text of ['inf', '+inf', '"inf"', '"Infinity"']) expect(timeout(text)).to.equal(2_592_000);
    });

    it('reads them wherever they are, and leaves text alone', () => {
      const config = parseTaskToml(`
[environment]
cpus = "2"
env = { A = "1" }
[environment.healthcheck]
command = "1"
retries = "2"
[agent]
user = "1000"
[[steps]]
name = "1"
min_reward = "0.5"
[[steps]]
name = "2"
[steps.min_reward]
a = "0.5"`);
      expect(config.environment).to.include({ cpus: 2 });
      expect(config.environment.env).to.deep.equal({ A: '1' });
      expect(config.environment.healthcheck).to.include({ command: '1', retries: 2 });
      expect(config.agent.user).to.equal('1000');
      expect(config.steps?.map((step) => step.min_reward)).to.deep.equal([0.5, { a: 0.5 }]);
    });
  });

  it('leaves a path of Windows to what runs Windows', () => {
    const { workdir } = parseTaskToml("[environment]\nos = 'Windows'\nworkdir = 'C:\\app'").environment;
    expect(workdir).to.equal('C:\\app');
  });

  const refused: [string, string, string][] = [
    ['a section that is no table', 'agent = 3', 'task.toml:1: agent is 3; expected a table'],
    ['a list in place of a section', '[[agent]]', 'task.toml:1: agent is [{}]; expected a table'],
    [
      'a name without organisation',
      '[task]\nname = "x"',
      'task.toml:2: task.name is "x"; expected org/name of letters, digits, dots, hyphens and underscores, at most 200',
    ],
    [
      'a name that climbs',
      '[task]\nname = "a/b..c"',
      'task.toml:2: task.name is "a/b..c"; expected org/name of letters, digits, dots, hyphens and underscores, at most 200',
    ],
    [
      'fractional memory',
      '[environment]\nmemory_mb = 1.5',
      'task.toml:2: environment.memory_mb is 1.5; expected a whole number of megabytes, 1 or more',
    ],
    [
      'two sizes that differ',
      '[environment]\nmemory = "1G"\nmemory_mb = 512',
      'task.toml:2: environment.memory is "1G" (1024 MB), but memory_mb is 512; expected one of the two',
    ],
    [
      'allow_internet that is no boolean',
      '[environment]\nallow_internet = "no"',
      'task.toml:2: environment.allow_internet is "no"; expected true or false',
    ],
    [
      'a shared verifier with an environment',
      '[verifier]\nenvironment_mode = "shared"\n[verifier.environment]',
      'task.toml:2: verifier.environment_mode is "shared", but an environment of its own is given; expected "separate"',
    ],
    [
      'a URL among the hosts',
      '[environment]\nnetwork_mode = "allowlist"\nallowed_hosts = ["https://a.org"]',
      'task.toml:3: environment.allowed_hosts[0] is "https://a.org"; expected a host, *.host, an IP address or a range such as 192.0.2.0/24, without scheme, port or path',
    ],
    [
      'an MCP server without URL',
      '[[environment.mcp_servers]]\nname = "a"\ntransport = "http"',
      'task.toml:1: environment.mcp_servers[0].url is missing; transport streamable-http needs it',
    ],
    [
      'two steps of one name',
      '[[steps]]\nname = "A"\n[[steps]]\nname = "a"',
      'task.toml:4: steps[1].name is "a", the name of an earlier step; expected a unique name',
    ],
    [
      'an artifact out of the root',
      'artifacts = ["/a/../b"]',
      'task.toml:1: artifacts[0] has the source "/a/../b"; expected a path without ".."',
    ],
    [
      'an artifact over the manifest',
      '[[artifacts]]\nsource = "/a"\ndestination = "manifest.json"',
      'task.toml:1: artifacts[0] has the destination "manifest.json"; expected a relative path with forward slashes, without "..", other than manifest.json',
    ],
    [
      'a relative artifact of a sidecar',
      '[[artifacts]]\nsource = "a"\nservice = "db"',
      'task.toml:1: artifacts[0] has the source "a" of service db; expected an absolute path',
    ],
    [
      'a relative workdir',
      '[environment]\nworkdir = "app"',
      'task.toml:2: environment.workdir is "app"; expected an absolute path',
    ],
    [
      'a timeout that is no number',
      '[verifier]\ntimeout_sec = nan',
      'task.toml:2: verifier.timeout_sec is NaN; expected a number of seconds greater than 0',
    ],
    [
      'endless CPUs',
      '[environment]\ncpus = inf',
      'task.toml:2: environment.cpus is Infinity; expected a number of CPUs greater than 0',
    ],
  ];
  for (const [what, text, message] of refused)
    it(`refuses ${what}`, () => {
      expect(refusal(text).message).to.equal(message);
    });

  for (const host of [
    'a.org',
    '*.a.org',
    'A.ORG.',
    '192.0.2.1',
    '2001:db8::1',
    '192.0.2.0/24',
    '2001:db8::/32',
  ])
    it(`allows the host ${host}`, () => {
      const text = `[environment]\nnetwork_mode = "allowlist"\nallowed_hosts = ["${host}"]`;
      expect(parseTaskToml(text).environment.allowed_hosts).to.deep.equal([host]);
    });
});
