/** A port of one Pod as a port of this machine. It comes from the Pod's own node, so that no NetworkPolicy refuses it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { kubeconfig } from './cluster.ts';
import { findProgram } from './programs.ts';

/** Ends when it is disposed of. */
export interface Forward extends AsyncDisposable {
  /** On 127.0.0.1. */
  port: number;
}

export async function forwardTo(
  { namespace = '', name }: { namespace?: string; name: string },
  port: number,
): Promise<Forward> {
  const forward = spawn(
    findProgram('kubectl') ?? 'kubectl',
    ['port-forward', '-n', namespace, `pod/${name}`, `:${port}`],
    { env: { ...process.env, KUBECONFIG: kubeconfig }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lines = createInterface(forward.stdout);
  const said = await Promise.race([once(lines, 'line'), once(forward, 'exit')]);
  const local = /127\.0\.0\.1:(\d+)/.exec(`${said[0]}`)?.[1];
  if (local === undefined) throw new Error(`kubectl does not forward port ${port} of Pod ${name}`);
  forward.stdout.resume();
  return {
    port: Number(local),
    [Symbol.asyncDispose]: async () => {
      forward.kill();
      if (forward.exitCode === null && forward.signalCode === null) await once(forward, 'exit');
    },
  };
}
