import { expect } from 'chai';
import { useCourierPorts } from '../../../test/support/courier-ports.ts';
import { useScriptedServer } from '../../../test/support/http.ts';
import { answering, json, KEY, type ModelWorld } from '../../../test/support/model-world.ts';
import { bash, custom, reward, REWARD_1, taskOf, useTrialRuns } from '../../../test/support/trial-scripts.ts';
import { MODEL_PORT } from '../../wire/tunnel.ts';

const BODY = JSON.stringify({ model: 'gpt-5', messages: [] });
const CURL = `curl -sS --max-time 10 -o /dev/null -w "%{http_code}\\n" -H 'content-type: application/json' -d '${BODY}'`;
const CALL = `${CURL} -H "Authorization: Bearer $OPENAI_API_KEY" $SB_MODEL_BASE_URL/chat/completions`;

describe('an agent whose model the courier calls', function () {
  useCourierPorts();
  const make = useTrialRuns();
  const upstream = useScriptedServer();
  const seen: Pick<ModelWorld, 'bodies' | 'heads'> = { bodies: [], heads: [] };
  const agent = (script: string, over: object = {}) =>
    custom(bash(script), {
      model: 'openai/gpt-5',
      modelAccess: 'Proxy',
      baseUrl: `${upstream.base}/v1`,
      env: [{ name: 'OPENAI_API_KEY', courierVariable: 'openai' }],
      ...over,
    });
  beforeEach(() => {
    upstream.handle = answering(seen as ModelWorld, (response) =>
      json(response, { usage: { prompt_tokens: 100, completion_tokens: 20 } }),
    );
  });

  it('works with a token, in no network, until its budget is used up', async () => {
    const run = await make({
      files: taskOf(
        [],
        [
          `curl -sS --max-time 5 http://127.0.0.1:${MODEL_PORT}/v1/models > /logs/verifier/after 2>&1`,
          'echo $? >> /logs/verifier/after; env > /logs/verifier/env',
          reward('grep -q 200 /logs/agent/calls'),
        ],
      ),
      assignment: {
        agent: agent(`env > /logs/agent/env; for i in 1 2 3; do ${CALL}; done > /logs/agent/calls; exit 1`, {
          maxTokens: 200,
        }),
        network: { phases: { environment: 'None', agent: 'None', verifier: 'None' } },
      },
      secrets: { openai: KEY },
    });
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(run.text('agent/calls')).to.equal('200\n200\n400\n');
    expect(outcome.exception).to.include({ type: 'BudgetExceededError' });
    expect(outcome.usage).to.deep.include({ inputTokens: 200, outputTokens: 40, countedBy: 'Courier' });
    expect(upstream.seen.map(({ authorization }) => authorization)).to.deep.equal([
      `Bearer ${KEY}`,
      `Bearer ${KEY}`,
    ]);
    expect(run.text('agent/env'))
      .to.match(/^OPENAI_API_KEY=sb-/m)
      .and.match(/^SB_MODEL_KEY=sb-/m)
      .and.include(`OPENAI_BASE_URL=http://127.0.0.1:${MODEL_PORT}/v1`);
    expect(run.text('verifier/after')).to.match(/reset|refused|Empty reply/i);
    expect(run.text('verifier/env')).to.not.match(/OPENAI|SB_MODEL/);
    const purposes = run.services.tunnels.asked.map(({ purpose }) => purpose.kind);
    expect(new Set(purposes)).to.deep.equal(new Set(['store', 'model']));
    for (const [path, contents] of run.services.stored) expect(contents.includes(KEY), path).to.equal(false);
    expect(run.said() + run.pod.output()).to.not.include(KEY);
  });

  it('is told of the model’s failures by the courier, whatever ended it', async () => {
    upstream.handle = answering(seen as ModelWorld, (response) => json(response, { error: {} }, 529));
    const run = await make({
      files: taskOf([], [reward('true')]),
      assignment: { agent: agent(`while true; do ${CALL}; sleep 0.2; done`, { timeoutSeconds: 3 }) },
      secrets: { openai: KEY },
    });
    const outcome = await run.finish();
    expect(outcome.exception, run.said()).to.include({ type: 'ApiOverloadedError' });
  });

  it('leaves no key in what is stored where it has the key itself', async () => {
    const encoded = 'printf %s "u:$OPENAI_API_KEY" | base64 -w0';
    const run = await make({
      files: taskOf(
        [],
        ['echo "$JUDGE_KEY" > /logs/verifier/judge', reward('grep -q "$JUDGE_KEY" /logs/verifier/judge')],
      ),
      assignment: {
        agent: agent(
          `echo "key $OPENAI_API_KEY end" > /logs/agent/out; ${encoded} > /logs/artifacts/encoded; head -c 70000 /dev/zero > /logs/artifacts/large; echo "$OPENAI_API_KEY" >> /logs/artifacts/large; touch "/logs/agent/$OPENAI_API_KEY"; echo clean > /logs/agent/clean`,
          { modelAccess: 'Direct' },
        ),
        verifier: { disabled: false, env: [{ name: 'JUDGE_KEY', courierVariable: 'judge' }] },
      },
      secrets: { openai: KEY, judge: 'judge-key-0123' },
    });
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    for (const [path, contents] of run.services.stored) {
      expect(path).to.not.include(KEY);
      for (const value of [KEY, 'judge-key-0123', Buffer.from(`u:${KEY}`).toString('base64').slice(3, -4)])
        expect(contents.includes(value), path).to.equal(false);
    }
    expect(run.text('agent/out')).to.equal(`key ${'*'.repeat(KEY.length)} end\n`);
    const marks = run
      .manifest()
      .files.flatMap(({ path, scrubbed }) => (scrubbed ? [path] : []))
      .toSorted();
    expect(marks).to.include.members(['agent/out', 'output/encoded', 'output/large', 'verifier/judge']);
    expect(marks).to.not.include('agent/clean');
    expect(run.manifest().skipped).to.deep.include({ path: 'agent/***', reason: 'Secret' });
  });
});
