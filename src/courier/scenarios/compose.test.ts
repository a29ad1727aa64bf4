import { expect } from 'chai';
import { reward, REWARD_1, saidBy, taskOf, useTrialRuns } from '../../../test/support/trial-scripts.ts';
import type { Files } from '../../../test/support/folder.ts';
import type { RunOptions } from '../../../test/support/trial-run.ts';

/** A task whose agent and verifier have services beside them. */
const composed = (
  services: string,
  { solve, test, toml = '', files = {} }: { solve: string[]; test: string[]; toml?: string; files?: Files },
): RunOptions => ({
  files: {
    ...taskOf(solve, test, toml),
    'environment/docker-compose.yaml': `services:\n${services.replaceAll(/^/gm, '  ')}\n`,
    ...files,
  },
});

const DB = `db:
  image: postgres
  entrypoint: [bash, -c]
  command: ['echo "$$GREETING" > /tmp/greeting; sleep 0.3; touch /tmp/ready; exec sleep infinity']
  environment: { GREETING: hello }
  volumes: ["./seed:/srv/seed:ro", "./one.txt:/srv/other.txt:ro"]
  healthcheck: { test: test -e /tmp/ready, interval: 100ms, retries: 20 }`;

const SEEDS = { 'environment/seed/deep/a.txt': 'a\n', 'environment/one.txt': 'one\n' };

describe('services of a compose file', function () {
  this.timeout(60_000);
  const make = useTrialRuns();

  it('begin before main, which waits for their health, and are there for hooks and artifacts', async () => {
    const run = await make(
      composed(`${DB}\nmain: { depends_on: { db: { condition: service_healthy } } }`, {
        solve: ['true'],
        test: [reward('true')],
        files: SEEDS,
        toml: `artifacts = [{ source = "/tmp/dump", service = "db" }, { source = "/srv/seed", service = "db" }, "/app/none"]
[[verifier.collect]]
command = "cat /tmp/greeting /srv/seed/deep/a.txt /srv/other.txt > /tmp/dump"
service = "db"
`,
      }),
    );
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(saidBy('suspicious', outcome)).to.deep.equal([]);
    expect(run.text('output/tmp/dump')).to.equal('hello\na\none\n');
    expect(run.text('output/srv/seed/deep/a.txt')).to.equal('a\n');
    const manifest = JSON.parse(run.text('output/manifest.json')) as Record<string, unknown>[];
    expect(manifest.map(({ source, service, status }) => [source, service, status])).to.have.deep.members([
      ['/logs/artifacts', null, 'empty'],
      ['/app/none', null, 'failed'],
      ['/tmp/dump', 'db', 'ok'],
      ['/srv/seed', 'db', 'ok'],
    ]);
  });

  it('tell a separate verifier what they know once nobody of the agent’s is left, and are gone then', async () => {
    const run = await make({
      ...composed(DB, {
        solve: ['mkdir -p /logs/artifacts/tmp; echo forged > /logs/artifacts/tmp/dump'],
        test: ['true'],
        files: SEEDS,
        toml: 'artifacts = [{ source = "/tmp/dump", service = "db" }]\n[[verifier.collect]]\ncommand = "cp /tmp/greeting /tmp/dump"\nservice = "db"\n',
      }),
      assignment: {
        // Its image has no tests, so that it can only look.
        verifier: { disabled: false, mode: 'Separate', image: 'judge', env: [] },
      },
    });
    const { result } = await run.finish();
    expect(result.kind === 'failed' && result.reason, run.said()).to.equal('RewardMissing');
    expect(run.text('output/tmp/dump')).to.equal('hello\n');
    expect(run.said()).to.match(/container verifier is ready/);
  });

  it('end the Trial where one is never healthy, or ends', async () => {
    const services: [service: string, says: RegExp][] = [
      [
        'healthcheck: { test: "false", interval: 50ms, retries: 2 }',
        /service db: the healthcheck failed 2 times/,
      ],
      ['command: [bash, -c, "exit 3"]', /service db ended with exit code 3/],
      ['command: [/no/such/program]', /service db ended with exit code 127/],
      ['volumes: ["./none:/x:ro"]', /service db: environment\/none cannot be put to \/x/],
    ];
    const ended = async ([service, says]: (typeof services)[number]): Promise<void> => {
      const base = service.startsWith('command') ? 'image: a' : 'image: a\n  command: [sleep, infinity]';
      const run = await make(
        composed(`db:\n  ${base}\n  ${service}`, { solve: ['true'], test: [reward('true')] }),
      );
      const { result } = await run.finish();
      expect(result.kind === 'failed' && result.message, run.said()).to.match(says);
    };
    await Promise.all(services.map(ended));
  });

  it('may end well before others begin, and are started again by their policy', async () => {
    const run = await make(
      composed(
        `once: { image: a, command: [bash, -c, "sleep 0.3; touch /tmp/done"] }
again:
  image: a
  command: [bash, -c, "echo x >> /tmp/starts; [ $(wc -l < /tmp/starts) -gt 2 ] && exec sleep infinity; exit 1"]
  restart: on-failure
  depends_on: { once: { condition: service_completed_successfully } }
  healthcheck: { test: "[ $(wc -l < /tmp/starts) -gt 2 ]", interval: 100ms, retries: 50 }
main: { depends_on: [again] }`.replaceAll('$', '$$$$'),
        { solve: ['true'], test: [reward('true')] },
      ),
    );
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(run.said()).to.match(/service again ended with exit code 1 and is started again/);
  });

  it('live on from step to step, and tell each what they know then', async () => {
    const step = (name: string) => ({
      [`steps/${name}/instruction.md`]: 'Do it.\n',
      [`steps/${name}/solution/solve.sh`]: '#!/bin/bash\ntrue\n',
      [`steps/${name}/tests/test.sh`]: `#!/bin/bash\n${reward('true')}\n`,
    });
    const hook = (name: string): string =>
      `[[steps]]\nname = "${name}"\nartifacts = [{ source = "/tmp/count", service = "db" }, { source = "/tmp/only-one", service = "db" }]\n[[steps.verifier.collect]]\ncommand = "echo ${name} >> /tmp/count; touch /tmp/only-one; [ ${name} = one ] || rm /tmp/only-one"\nservice = "db"\n`;
    const { files = {}, ...options } = composed(DB, {
      solve: ['true'],
      test: ['true'],
      files: { ...SEEDS, ...step('one'), ...step('two') },
      toml: hook('one') + hook('two'),
    });
    const { 'instruction.md': _text, 'tests/test.sh': _test, 'solution/solve.sh': _solve, ...rest } = files;
    const run = await make({ ...options, files: rest });
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(run.text('steps/one/output/tmp/count')).to.equal('one\n');
    expect(run.text('steps/two/output/tmp/count')).to.equal('one\ntwo\n');
    const stored = [...run.services.stored.keys()];
    expect(stored).to.include('steps/one/output/tmp/only-one');
    expect(stored).not.to.include('steps/two/output/tmp/only-one');
  });
});
