/** What one replica of the operator says at /metrics. */
import { METRICS_PORT, OPERATOR } from '../../src/installation/names.ts';
import { eventually } from './eventually.ts';
import { forwardTo } from './port-forward.ts';

async function answered(pod: string): Promise<string | undefined> {
  await using forward = await forwardTo({ ...OPERATOR, name: pod }, METRICS_PORT);
  const answer = await fetch(`http://127.0.0.1:${forward.port}/metrics`);
  if (!answer.ok) throw new Error(`/metrics of ${pod}: ${answer.status}`);
  // kubectl drops a connection now and then before all of an answer has passed.
  return answer.text().catch(() => undefined);
}

/** `pod`: its name. */
export const metricsOf = (pod: string): Promise<string> =>
  eventually(`all of /metrics of ${pod}`, () => answered(pod), 30);
