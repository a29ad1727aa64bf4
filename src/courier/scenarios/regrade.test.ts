import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { sha256 } from '../../crds/names.ts';
import { useCourierPorts } from '../../../test/support/courier-ports.ts';
import { until } from '../../../test/support/kube.ts';
import { bash, reward, REWARD_1, taskOf, useTrialRuns } from '../../../test/support/trial-scripts.ts';
import type { AgainOptions } from '../../../test/support/trial-assignment.ts';
import type { RunOptions, TrialRun } from '../../../test/support/trial-run.ts';
import type { Files } from '../../../test/support/folder.ts';
import type { Manifest } from '../../wire/uploads.ts';

const ARTIFACTS = 'artifacts = ["/app/answer", { source = "/app/tree", exclude = ["*.tmp"] }]\n';
const SEPARATE: RunOptions['assignment'] = { verifier: { disabled: false, mode: 'Separate' } };

const SOLVE = [
  'echo solved > /app/answer; mkdir -p /app/tree/deep/empty; echo a > /app/tree/a.txt; echo b > /app/tree/b.tmp',
  'printf "#!/bin/sh\\necho ran\\n" > /app/tree/run; chmod +x /app/tree/run; ln -s a.txt /app/tree/inner',
  'mkdir -p /logs/artifacts/own /logs/other; echo own > /logs/artifacts/own/x; echo mine > /logs/artifacts/manifest.json',
  'ln -s /etc/passwd /logs/artifacts/out; echo trace > /logs/agent/trace',
];

/** All that a verifier sees of the agent, in one text. */
const LOOK =
  '{ cd / && ls -lAR app logs | sed "s/^\\(.\\{10\\}\\).* [0-9:]* /\\1 /; /^total/d"; cat app/answer app/tree/inner; app/tree/run; } > /logs/verifier/seen.txt 2>&1';

describe('a regrade', function () {
  const make = useTrialRuns();

  const first = async (
    files: Files = taskOf(SOLVE, [LOOK, reward('true')], ARTIFACTS),
    assignment = SEPARATE,
  ) => {
    const run = await make({ files, assignment });
    await run.finish();
    return run;
  };
  /** Judges again what a Trial stored, with changes; the verifier is the first one's, or another. */
  const again = (of: TrialRun, files: Files, over: Partial<AgainOptions> = {}) =>
    make({ files, assignment: SEPARATE, again: { stored: of.services.stored, ...over } });

  it('gives the verifier what it was given, and stores all of that again', async () => {
    const files = taskOf(SOLVE, [LOOK, reward('true')], ARTIFACTS);
    const source = await first(files);
    const run = await again(source, files);
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(run.text('verifier/seen.txt')).to.equal(source.text('verifier/seen.txt'));
    expect(run.text('verifier/seen.txt')).to.match(/-rwxr-xr-x run/);
    expect(outcome).not.to.have.any.keys('usage', 'exception');
    expect(outcome.findings).to.deep.equal([]);
    expect(outcome.timings).not.to.have.any.keys('agentSetup', 'agentExecution');
    const own = ({ files: all, links, folders }: Manifest) => ({
      files: all
        .filter(({ path }) => /^(agent|output)\//.test(path))
        .sort((a, b) => (a.path < b.path ? -1 : 1)),
      links: links.map(({ path, target }) => `${path} ${target}`).sort(),
      folders: folders.toSorted(),
    });
    expect(own(run.manifest())).to.deep.equal(own(source.manifest()));
    expect(run.text('agent/trace')).to.equal('trace\n');
    const third = await again(run, files);
    expect((await third.finish()).result, third.said()).to.deep.equal(REWARD_1);
    expect(third.text('verifier/seen.txt')).to.equal(source.text('verifier/seen.txt'));
  });

  describe('where the Pod has no way but the tunnel', () => {
    useCourierPorts();

    it('fetches what is judged again through it', async () => {
      const files = taskOf(SOLVE, [reward('[ -f /app/answer ]')], ARTIFACTS);
      const source = await first(files);
      const none = { environment: 'None', agent: 'None', verifier: 'None' } as const;
      const run = await make({
        files,
        assignment: { ...SEPARATE, network: { phases: none } },
        again: { stored: source.services.stored },
      });
      expect((await run.finish()).result, run.said()).to.deep.equal(REWARD_1);
      expect(run.services.tunnels.asked.map(({ purpose }) => purpose.kind)).to.include('store');
    });
  });

  it('ends with CourierFailed where its courier is killed, for another attempt', async () => {
    const files = taskOf([], ['sleep 60'], ARTIFACTS);
    const source = await first(taskOf(SOLVE, [reward('true')], ARTIFACTS));
    const run = await again(source, files);
    const courier = run.startCourier();
    run.verifiers['verifier']?.start();
    await until('the verifier', () => run.said().includes('verifier began'));
    await sleep(500);
    courier.kill('SIGKILL');
    await run.courierEnd;
    const second = run.startCourier();
    expect(await run.verifiers['verifier']?.exited).to.equal(0);
    if (second.exitCode === null) await new Promise((resolve) => second.once('close', resolve));
    expect(run.outcome().result, run.said()).to.deep.include({ reason: 'CourierFailed' });
  });

  it('ends as Cancelled when the kubelet stops the Pod', async () => {
    const source = await first(taskOf(SOLVE, [reward('true')], ARTIFACTS));
    const run = await again(source, taskOf([], ['sleep 60'], ARTIFACTS));
    const courier = run.startCourier();
    run.verifiers['verifier']?.start();
    await until('the verifier', () => run.said().includes('verifier began'));
    await sleep(500);
    run.verifiers['verifier']?.kill('SIGTERM');
    courier.kill('SIGTERM');
    expect(await run.courierEnd).to.equal(0);
    expect(run.outcome().result, run.said()).to.deep.include({ reason: 'Cancelled' });
    expect(run.text('agent/trace')).to.equal('trace\n');
  });

  it('judges by newer tests, with a reward of its own', async () => {
    const source = await first();
    const run = await again(source, taskOf([], [reward('grep -q better /app/answer')], ARTIFACTS));
    expect((await run.finish()).result, run.said()).to.deep.include({ reward: 0 });
    expect(source.outcome().result).to.deep.equal(REWARD_1);
  });

  it('judges again where the tests had left no reward', async () => {
    const source = await first(taskOf(SOLVE, ['true'], ARTIFACTS));
    expect(source.outcome().result).to.deep.include({ reason: 'RewardMissing' });
    const run = await again(source, taskOf([], [reward('[ -f /app/answer ]')], ARTIFACTS));
    expect((await run.finish()).result, run.said()).to.deep.equal(REWARD_1);
  });

  it('lacks what the agent had not made, as its verifier did', async () => {
    const files = taskOf(['true'], [reward('[ -e /app/answer ]')], ARTIFACTS);
    const run = await again(await first(files), files);
    expect((await run.finish()).result, run.said()).to.deep.include({ reward: 0 });
    expect(JSON.parse(run.text('output/manifest.json'))).to.deep.include.members([
      {
        source: '/app/answer',
        destination: 'artifacts/app/answer',
        type: 'directory',
        status: 'failed',
        service: null,
        exclude: [],
      },
    ]);
  });

  it('says of a source whose verifier was shared that it may have changed what is judged', async () => {
    const files = taskOf(SOLVE, [reward('true')], ARTIFACTS);
    const source = await first(files, {});
    const run = await again(source, files);
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(outcome.findings[0]).to.deep.include({ code: 'SourceSharedVerifier' });
    expect(outcome.findings[0]?.message).to.match(
      /in the agent’s container before the files of the source were stored/,
    );
    expect(outcome.stored?.sharedVerifier).to.equal(true);
  });

  describe('of several steps', () => {
    const stepsOf = (least: number): Files => ({
      'task.toml': `artifacts = ["/app/count"]\n[[steps]]\nname = "one"\nmin_reward = ${least}\n[[steps]]\nname = "two"\n`,
      'environment/Dockerfile': 'FROM debian\n',
      'solution/solve.sh': bash(
        'echo x >> /app/lines; grep -c x /app/lines > /app/count; cp /app/count /logs/artifacts/c',
      ),
      'tests/test.sh': bash(
        'cat /app/count /logs/artifacts/c > /logs/verifier/seen.txt',
        'cat /app/count > /logs/verifier/reward.txt',
      ),
      'steps/one/instruction.md': 'one\n',
      'steps/two/instruction.md': 'two\n',
    });

    it('judges each by its own artifacts', async () => {
      const source = await first(stepsOf(0));
      expect(source.outcome().result, source.said()).to.deep.include({ reward: 1.5 });
      const run = await again(source, stepsOf(0));
      const outcome = await run.finish();
      expect(outcome.result, run.said()).to.deep.include({ reward: 1.5 });
      expect(run.text('steps/two/verifier/seen.txt')).to.equal('2\n2\n');
      expect(run.text('steps/one/output/c')).to.equal('1\n');
      expect(run.storedOutcome().outcome.steps).to.deep.include({ ran: 2 });
    });

    it('stops at a least reward, as ever', async () => {
      const run = await again(await first(stepsOf(0)), stepsOf(5));
      expect((await run.finish()).result, run.said()).to.deep.include({ reward: 1 });
      expect(run.storedOutcome().outcome.steps).to.deep.include({ ran: 1, skipped: ['two'] });
    });

    it('comes no further than the Trial did', async () => {
      const run = await again(await first(stepsOf(5)), stepsOf(0));
      expect((await run.finish()).result, run.said()).to.deep.include({ reward: 1 });
      expect(run.storedOutcome().outcome.steps).to.deep.include({
        ran: 1,
        skipped: ['two'],
        stopped: 'first__1234567 ran no further',
      });
    });
  });

  describe('of files that are not what they were', () => {
    const FILES = taskOf(SOLVE, [reward('true')], ARTIFACTS);
    const copyOf = (run: TrialRun): Map<string, Uint8Array> => new Map(run.services.stored);
    /** With another manifest, and a result that says its digest. */
    const lying = (stored: Map<string, Uint8Array>, change: (manifest: Manifest) => void): AgainOptions => {
      const manifest = JSON.parse(String(stored.get('manifest.json'))) as Manifest;
      change(manifest);
      const text = Buffer.from(JSON.stringify(manifest));
      stored.set('manifest.json', text);
      return { stored, manifestSha256: sha256(text) };
    };

    const changes: [what: string, over: (stored: Map<string, Uint8Array>) => AgainOptions, why: RegExp][] = [
      [
        'one was changed',
        (stored) => ({ stored: stored.set('output/app/answer', Buffer.from('forged\n')) }),
        /output\/app\/answer is not what manifest\.json says/,
      ],
      [
        'one has become longer',
        (stored) => ({ stored: stored.set('output/app/answer', Buffer.alloc(1000)) }),
        /output\/app\/answer is not what manifest\.json says: it is longer/,
      ],
      [
        'one is gone',
        (stored) => {
          stored.delete('output/app/answer');
          return { stored };
        },
        /output\/app\/answer is not what manifest\.json says: it is gone/,
      ],
      [
        'the manifest was changed',
        (stored) => ({ stored: stored.set('manifest.json', Buffer.from('{}')) }),
        /^manifest\.json is not what result\.json says/,
      ],
      [
        'the manifest is none',
        (stored) => lying(stored, (manifest) => void delete (manifest as Partial<Manifest>).files),
        /does not say what it should/,
      ],
      [
        'the manifest leads out of its prefix',
        (stored) => lying(stored, ({ files }) => void (files[0]!.path = 'output/../../../other/x')),
        /not a plain relative path/,
      ],
      [
        'the manifest claims more than there may be',
        (stored) => lying(stored, ({ files }) => void (files[0]!.size = 2 ** 40)),
        /more than any Trial stores/,
      ],
      [
        'the manifest lists a path twice',
        (stored) =>
          lying(
            stored,
            ({ files }) => void files.push(files.find(({ path }) => path === 'output/app/answer')!),
          ),
        /lists a path twice/,
      ],
      [
        'the manifest has a file below a link',
        (stored) => lying(stored, ({ links }) => void links.push({ path: 'output/app', target: '/etc' })),
        /"artifacts\/app" and something below it/,
      ],
      [
        'some were never stored',
        (stored) =>
          lying(stored, ({ skipped }) => void skipped.push({ path: 'output/app/large', reason: 'TooLarge' })),
        /artifacts\/app\/large \(TooLarge\) was not stored/,
      ],
      [
        'nobody knows which were never stored',
        (stored) =>
          lying(stored, ({ skipped }) => void skipped.push({ path: 'and more', reason: 'TooMany' })),
        /more than manifest\.json lists/,
      ],
    ];
    for (const [what, over, why] of changes)
      it(`ends with SourceUnusable where ${what}`, async () => {
        const source = await first(FILES);
        const run = await make({ files: FILES, assignment: SEPARATE, again: over(copyOf(source)) });
        const { result } = await run.finish();
        expect(result, run.said()).to.deep.include({ kind: 'failed', reason: 'SourceUnusable' });
        expect(result.kind === 'failed' && result.message).to.match(why);
      });

    it('ends with SourceMismatch where an artifact was not collected, or not as now', async () => {
      const source = await first(FILES);
      const others: [toml: string, why: RegExp][] = [
        ['artifacts = ["/app/other"]\n', /\/app\/other was not collected as output\/app\/other/],
        [
          'artifacts = [{ source = "/app/tree" }]\n',
          /collected without \*\.tmp, and is declared without nothing/,
        ],
        [
          'artifacts = [{ source = "/app/answer", destination = "else" }]\n',
          /was not collected as output\/else/,
        ],
      ];
      const mismatched = async ([toml, why]: (typeof others)[number]): Promise<void> => {
        const run = await again(source, taskOf([], [reward('true')], toml));
        const { result } = await run.finish();
        expect(result, run.said()).to.deep.include({ kind: 'failed', reason: 'SourceMismatch' });
        expect(result.kind === 'failed' && result.message).to.match(why);
      };
      await Promise.all(others.map(mismatched));
    });

    it('asks again for a URL that has expired', async () => {
      const run = await again(await first(FILES), FILES);
      run.services.faults.expireOnce = new Set(['output/app/answer', 'manifest.json']);
      expect((await run.finish()).result, run.said()).to.deep.equal(REWARD_1);
    });
  });
});
