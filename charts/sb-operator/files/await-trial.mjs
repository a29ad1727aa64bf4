// `helm test`: waits for the Trial sb-operator-test, and fails where its reward is not 1.
import { readFileSync } from 'node:fs';
import { env, exit, stdout } from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';

const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port, NAMESPACE } = env;
const token = readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/token', 'utf8');
const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
const url = `${server}/apis/sb.abundant.ai/v1alpha1/namespaces/${NAMESPACE}/trials/sb-operator-test`;
let said = '';
for (;;) {
  const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } }).catch((error) => error);
  const trial = answer.ok ? await answer.json() : undefined;
  const succeeded = trial?.status?.conditions?.find(({ type }) => type === 'Succeeded');
  const now = trial
    ? `${succeeded?.reason ?? 'not looked at yet'}: ${succeeded?.message ?? ''}`
    : `the API server: ${answer.status ?? answer}`;
  if (now !== said) stdout.write(`${now}\n`);
  said = now;
  if (succeeded && succeeded.status !== 'Unknown') {
    stdout.write(`reward ${trial.status.reward}\n`);
    exit(trial.status.reward === 1 ? 0 : 1);
  }
  await wait(1000);
}
