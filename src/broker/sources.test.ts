import { Readable } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { anOutcome, aTrial, NO_RULES, SOLVED_FILES, T0 } from '../../test/support/builders/objects.ts';
import { IMAGE, trialWith } from '../../test/support/broker/objects.ts';
import type { Trial } from '../crds/trial.ts';
import { memoryArtifactStore } from '../providers/artifact-store/memory.ts';
import { trialPrefix } from '../results/keys.ts';
import { trialResult } from '../results/trial-result.ts';
import { parseTaskToml } from '../tasks/index.ts';
import type { TaskRead } from '../task-source/read.ts';
import { UPLOAD_BATCH } from '../wire/uploads.ts';
import type { TrialSubject } from './identity/subjects.ts';
import { routes } from './routes.ts';

const MANIFEST = 'a'.repeat(64);
const POD = { namespace: 'evals', serviceAccount: 'default', podName: 'solve-1-x7k2p', podUid: 'pod-uid' };

/** A Trial of the namespace that ended, in the run `nightly`. */
const first = {
  ...aTrial({ spec: { run: 'nightly' } }),
  metadata: { ...trialWith().metadata, name: 'first' },
};
const PREFIX = trialPrefix(first);
const URI = `s3://memory/${PREFIX}`;
const regrade = trialWith({ regrade: { trial: 'first' }, verifier: { disabled: false, mode: 'Separate' } });

async function world(over: { trial?: Trial; uri?: string; result?: object } = {}) {
  const { trial = regrade, uri = URI, result = {} } = over;
  const store = memoryArtifactStore({ bucket: 'memory' });
  const stored = {
    files: 1,
    bytes: 1,
    skipped: 0,
    collected: 1,
    sharedVerifier: true,
    manifestSha256: MANIFEST,
  };
  const whole = trialResult({ trial: first, status: {}, outcome: anOutcome({ stored }) });
  const reason = 'RewardObtained';
  await store.put(`${PREFIX}result.json`, JSON.stringify({ ...whole, reason, ...result }));
  const subject: TrialSubject = {
    trial,
    attempt: 1,
    image: IMAGE,
    verifiers: { verifier: { config: IMAGE } },
    regraded: { trial: 'first__0a1b2c3', uri },
  };
  const task: TaskRead = {
    kind: 'found',
    content: 'aaaaaaaaaaaa',
    task: { config: parseTaskToml(''), files: Object.keys(SOLVED_FILES).map((path) => ({ path })) },
  };
  const reads: string[] = [];
  const get = store.get.bind(store);
  store.get = (key, max) => {
    reads.push(key);
    return get(key, max);
  };
  const table = routes({
    subjects: {
      trialOf: async () => subject,
      taskBuildOf: async () => expect.fail('no build asks'),
      sandboxOf: async () => expect.fail('no Sandbox asks'),
    },
    tasks: { read: async () => task },
    now: () => T0,
    store,
    rulesOf: async () => NO_RULES,
    presignSeconds: 300,
    probePort: 8444,
    modelPrices: [],
    metrics: { granted: () => expect.fail('nothing is uploaded') },
  });
  const ask = async (route: string, body: unknown = {}): Promise<Record<string, unknown>> => {
    const request = Readable.from([Buffer.from(JSON.stringify(body))]) as IncomingMessage;
    request.headers = {};
    return (await table[route]?.(POD, request)) as Record<string, unknown>;
  };
  return { ask, reads, source: (paths: unknown) => ask('POST /v1/source', { paths }) };
}

describe('the source of a regrade', () => {
  it('is in the assignment, whose agent does nothing', async () => {
    const { ask } = await world();
    const assignment = await ask('GET /v1/assignment');
    expect(assignment['regrade']).to.deep.equal({
      trial: 'first__0a1b2c3',
      manifestSha256: MANIFEST,
      collected: 1,
      shared: true,
    });
    expect(assignment).to.have.nested.property('steps[0].agent.name', 'nop');
    expect(assignment).to.have.nested.property('steps[0].verifier.place.container', 'verifier');
  });

  it('is given out file by file, for a minute, and its result is read once', async () => {
    const { source, reads } = await world();
    const { urls } = (await source(['manifest.json', 'output/app/answer', 'steps/a/agent/x'])) as {
      urls: string[];
    };
    expect(urls).to.have.length(3);
    expect(urls[1]).to.include(`${PREFIX}output/app/answer`);
    expect(urls[1]).to.match(/60/);
    await source(['agent/x']);
    expect(reads).to.deep.equal([`${PREFIX}result.json`]);
  });

  const paths: [what: string, paths: unknown, status: number, message: RegExp][] = [
    ['that lead out of it', ['output/../../other__1234567/result.json'], 403, /not a plain relative path/],
    ['that lead to another Trial', ['../other__1234567/manifest.json'], 403, /not a plain relative path/],
    ['from the root', ['/trials/x'], 403, /not a plain relative path/],
    ['of the operator', ['result.json'], 403, /not a place for couriers/],
    ['with characters that no key holds', ['output/a\nb'], 403, /no key may hold/],
    ['that are no texts', [7], 400, /no list of texts/],
    ['that are no list', 'output/a', 400, /no list of texts/],
    ['that are too many', Array.from({ length: UPLOAD_BATCH + 1 }, () => 'agent/x'), 413, /at most 500/],
  ];
  for (const [what, wanted, status, message] of paths)
    it(`is not given out by paths ${what}`, async () => {
      const { source } = await world();
      const answer = await source(wanted);
      expect(answer).to.deep.include({ kind: 'refused', status });
      expect(answer['message']).to.match(message);
    });

  const refusals: [what: string, over: Parameters<typeof world>[0]][] = [
    ['who judges no other Trial', { trial: trialWith() }],
    ['whose Job names a Trial of another namespace', { result: { namespace: 'team-b' } }],
    ['whose Job names another bucket', { uri: `s3://theirs/${PREFIX}` }],
    ['whose Job names what is no Trial’s', { uri: 's3://memory/tasks/local/hello/' }],
    ['whose Job names a prefix with dots', { uri: 's3://memory/trials/x/../nightly/first__0a1b2c3/' }],
    ['whose Job names what stored nothing', { result: { stored: null } }],
  ];
  for (const [who, over] of refusals)
    it(`is refused to one ${who}`, async () => {
      const { source, ask } = await world(over);
      expect(await source(['manifest.json'])).to.include({
        kind: 'refused',
        status: 403,
        reason: 'SourceRefused',
      });
      if (over?.trial === undefined)
        expect(await ask('GET /v1/assignment')).to.include({ kind: 'refused', reason: 'SourceRefused' });
    });
});
