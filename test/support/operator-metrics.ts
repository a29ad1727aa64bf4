/** What one replica of the operator, or of what is where it is, says at /metrics. */
import { METRICS_PORT, OPERATOR } from '../../src/installation/names.ts';
import { eventually } from './eventually.ts';
import { forwardTo } from './port-forward.ts';

async function answered(pod: string, namespace: string): Promise<string | undefined> {
  await using forward = await forwardTo({ namespace, name: pod }, METRICS_PORT);
  const answer = await fetch(`http://127.0.0.1:${forward.port}/metrics`);
  if (!answer.ok) throw new Error(`/metrics of ${pod}: ${answer.status}`);
  // kubectl drops a connection now and then before all of an answer has passed.
  return answer.text().catch(() => undefined);
}

/** `pod`: its name. */
export const metricsOf = (pod: string, namespace: string = OPERATOR.namespace): Promise<string> =>
  eventually(`all of /metrics of ${pod}`, () => answered(pod, namespace), 30);
