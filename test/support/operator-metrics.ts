/** What one replica of the operator says at /metrics. */
import { METRICS_PORT, OPERATOR } from '../../src/installation/names.ts';
import { forwardTo } from './port-forward.ts';

/** `pod`: its name. */
export async function metricsOf(pod: string): Promise<string> {
  await using forward = await forwardTo({ ...OPERATOR, name: pod }, METRICS_PORT);
  const answer = await fetch(`http://127.0.0.1:${forward.port}/metrics`);
  if (!answer.ok) throw new Error(`/metrics of ${pod}: ${answer.status}`);
  return answer.text();
}
