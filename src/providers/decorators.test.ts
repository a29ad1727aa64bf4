import { expect } from 'chai';
import { Registry } from 'prom-client';
import { memoryArtifactStore } from './artifact-store/memory.ts';
import { ProviderError, type ProviderReason } from './errors.ts';
import { metered, providerMetrics } from './metered.ts';
import { retried, type RetryPolicy } from './retry.ts';

/** A store whose next calls fail for these reasons, one after the other. */
function failing(...reasons: ProviderReason[]) {
  const calls: string[] = [];
  const fault = (operation: string): ProviderError | undefined => {
    calls.push(operation);
    const reason = reasons.shift();
    return reason && new ProviderError(reason, `scripted ${reason}`);
  };
  return { store: memoryArtifactStore({ fault }), calls };
}

/** Pauses that take no time and are kept. */
function pauses(): RetryPolicy & { taken: number[] } {
  const taken: number[] = [];
  return { taken, random: () => 0.5, sleep: async (ms) => void taken.push(ms) };
}

const failure = (work: Promise<unknown>): Promise<ProviderError> =>
  work.then(
    () => expect.fail('it did not fail'),
    (error: ProviderError) => error,
  );

describe('retried port', () => {
  it('tries again until it goes well, with growing pauses', async () => {
    const { store, calls } = failing('Unavailable', 'Throttled', 'Unavailable');
    const policy = pauses();
    await retried(store, policy).put('a', 'b');
    expect(calls).to.deep.equal(['put', 'put', 'put', 'put']);
    expect(policy.taken).to.deep.equal([100, 200, 400]);
    expect(await store.head('a')).to.include({ size: 1 });
  });

  it('gives up after its attempts, with the last error', async () => {
    const { store, calls } = failing('Throttled', 'Throttled', 'Unavailable', 'Throttled');
    const error = await failure(retried(store, { ...pauses(), attempts: 3 }).get('a', 1));
    expect([error.reason, calls.length]).to.deep.equal(['Unavailable', 3]);
  });

  it('never waits longer than its limit', async () => {
    const { store } = failing('Throttled', 'Throttled', 'Throttled');
    const policy = pauses();
    await retried(store, { ...policy, baseMs: 1_000, maxMs: 1_500 }).get('a', 1);
    expect(policy.taken).to.deep.equal([500, 750, 750]);
  });

  it('does not repeat what no repetition can cure', async () => {
    const { store, calls } = failing('AccessDenied');
    expect((await failure(retried(store, pauses()).get('a', 1))).reason).to.equal('AccessDenied');
    expect(calls).to.have.length(1);
  });

  it('leaves a quota time to free itself', async () => {
    const { store, calls } = failing('QuotaExceeded');
    const error = await failure(retried(store, pauses()).get('a', 1));
    expect([error.reason, error.transient, calls.length]).to.deep.equal(['QuotaExceeded', true, 1]);
  });

  it('leaves properties, plain functions and sequences as they are', async () => {
    const { store } = failing();
    const port = retried(store, pauses());
    await port.put('x', '');
    expect([port.bucket, port.uri('a')]).to.deep.equal(['memory', 's3://memory/a']);
    expect((await Array.fromAsync(port.list(''))).map(({ key }) => key)).to.deep.equal(['x']);
  });
});

describe('metered port', () => {
  const measure = async (registry: Registry, name: string) => {
    const metric = registry.getSingleMetric(name)!;
    return (await metric.get()).values as { value: number; labels: object; metricName?: string }[];
  };
  const counts = async (registry: Registry) =>
    (await measure(registry, 'sb_provider_call_duration_seconds'))
      .filter(({ metricName }) => metricName?.endsWith('_count'))
      .map(({ labels, value }) => ({ ...labels, value }));

  it('counts and times calls by method, and failures by reason', async () => {
    const registry = new Registry();
    const { store } = failing('Throttled');
    const port = metered(store, 'artifact-store', providerMetrics(registry));
    await failure(port.put('a', 'b'));
    await port.put('a', 'b');
    await Array.fromAsync(port.list(''));
    expect(await counts(registry)).to.deep.equal([
      { port: 'artifact-store', method: 'put', value: 2 },
      { port: 'artifact-store', method: 'list', value: 1 },
    ]);
    expect(await measure(registry, 'sb_provider_call_failures_total')).to.deep.equal([
      { value: 1, labels: { port: 'artifact-store', method: 'put', reason: 'Throttled' } },
    ]);
  });

  it('sees each attempt when it is inside the retries', async () => {
    const registry = new Registry();
    const { store } = failing('Unavailable', 'Unavailable');
    await retried(metered(store, 'store', providerMetrics(registry)), pauses()).head('a');
    expect(await counts(registry)).to.deep.equal([{ port: 'store', method: 'head', value: 3 }]);
  });
});
