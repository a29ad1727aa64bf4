import { expect } from 'chai';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { aTaskBuild } from '../../../test/support/builders/objects.ts';
import { recordingLog } from '../../../test/support/kube.ts';
import { trialPrefix } from '../../results/keys.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import type { Trial } from '../../crds/trial.ts';
import { connect } from '../../kube/connect.ts';
import { memoryArtifactStore } from '../../providers/artifact-store/memory.ts';
import { ProviderError } from '../../providers/errors.ts';
import { active, broken, inRun, rewarded } from '../../../test/support/builders/run-trials.ts';
import { failureOf, world } from '../../../test/support/client/world.ts';
import { recordedTerminal } from '../../../test/support/terminal/recorded.ts';
import { whenLogged, type LogPhase, type LogWish } from './parts.ts';
import { lastOf, rawLines, safeLines } from './lines.ts';
import type { LogSources } from './logs.ts';
import { podLogOf } from './pod-log.ts';
import { printLog } from '../../cli/runs/logs.ts';

async function* each<T>(...items: T[]): AsyncGenerator<T> {
  yield* items;
}

const at = (second: number): string => `2026-01-01T00:00:0${second}.5Z`;

/** Logs as the API server gives them with timestamps; without them they are cut off here. */
const CONTAINERS: Record<string, string[]> = {
  courier: [`${at(1)} ${at(1)} agentExecution began`, `${at(4)} ${at(4)} verifier began`],
  task: [`${at(2)} solving`, `${at(3)} \u001b]0;title\u0007done`, `${at(5)} 1 passed`],
};

describe('The log of a Trial', () => {
  const signal = new AbortController().signal;
  let store = memoryArtifactStore();
  let pods: string[] = [];
  beforeEach(() => {
    store = memoryArtifactStore();
    pods = [];
  });

  const sources = (over: Partial<LogSources> = {}): LogSources => ({
    podLog: async ({ pod, container, timestamps }) => {
      const lines = pods.includes(pod) ? CONTAINERS[container] : undefined;
      return lines && each(...lines.map((line) => (timestamps ? line : line.slice(line.indexOf(' ') + 1))));
    },
    store: async () => store,
    taskBuild: async () => undefined,
    podOfJob: async (job) => `${job}-pod`,
    ...over,
  });
  const print = async (trial: Trial, wish: Partial<LogWish> = {}, over: Partial<LogSources> = {}) => {
    const terminal = recordedTerminal();
    await printLog(terminal, { trial, sources: sources(over), wish: { follow: false, signal, ...wish } });
    return terminal;
  };
  const running = () => active('Running', { status: { podName: 'p', ...active('Running').status } });
  const keep = async (trial: Trial): Promise<void> => {
    const prefix = trialPrefix(trial);
    await store.put(`${prefix}trial.log`, 'began\nended\n');
    await store.put(`${prefix}agent/oracle.txt`, 'solving\ndone');
    await store.put(`${prefix}agent/exit-code.txt`, '1');
    await store.put(`${prefix}agent/session.jsonl`, '{}');
    await store.put(`${prefix}verifier/test-stdout.txt`, '1 passed\n');
  };

  it('comes from the Pod while the Trial runs, courier and task, without control sequences', async () => {
    pods = ['p'];
    const { stdout, stderr } = await print(running());
    expect(stdout).to.equal(
      `${at(1)} agentExecution began\n${at(4)} verifier began\nsolving\ndone\n1 passed\n`,
    );
    expect(stderr).to.include('==> container courier of Pod p <==');
  });

  it('is told apart by phases, by the time at which the verifier began', async () => {
    pods = ['p'];
    expect((await print(running(), { phase: 'agent' })).stdout).to.equal('solving\ndone\n');
    expect((await print(running(), { phase: 'verifier' })).stdout).to.equal('1 passed\n');
  });

  it('has the agent’s installation apart, in the Pod and in the store', async () => {
    pods = ['p'];
    const podLog: LogSources['podLog'] = async ({ container }) =>
      container === 'courier'
        ? each(`${at(3)} ${at(3)} agentExecution began`, `${at(5)} ${at(5)} verifier began`)
        : each(`${at(2)} installing`, `${at(4)} solving`, `${at(6)} 1 passed`);
    expect((await print(running(), { phase: 'setup' }, { podLog })).stdout).to.equal('installing\n');
    expect((await print(running(), { phase: 'verifier' }, { podLog })).stdout).to.equal('1 passed\n');
    const trial = rewarded(1);
    await keep(trial);
    await store.put(`${trialPrefix(trial)}agent/install.txt`, 'installed\n');
    expect((await print(trial, { phase: 'setup' })).stdout).to.equal('installed\n');
    expect((await print(trial, { phase: 'agent' })).stdout).to.equal('solving\ndone\n');
    expect((await print(trial)).stdout).to.include('installed\nsolving\n');
  });

  it('is that of their own containers where verifiers are separate', async () => {
    pods = ['p'];
    const images = [{ role: 'agent' as const }, { role: 'verifier-2' as const }];
    const trial = running();
    const separate = { ...trial, status: { ...trial.status, images } };
    const podLog: LogSources['podLog'] = async ({ container }) => each(`of ${container}`);
    const said = async (phase?: LogPhase): Promise<string> =>
      (await print(separate, phase ? { phase } : {}, { podLog })).stdout;
    expect(await said('verifier')).to.equal('of verifier-2\n');
    expect(await said()).to.equal('of courier\nof task\nof verifier-2\n');
  });

  it('is told apart while it is followed, though the courier’s word comes after the verifier’s', async () => {
    const said = async (phase: LogPhase): Promise<string> => {
      const now = new Date().toISOString();
      async function* late(): AsyncGenerator<string> {
        await sleep(20);
        yield `${now} ${now} verifier began`;
      }
      const podLog: LogSources['podLog'] = async ({ container, follow }) => {
        if (container === 'task') return each(`${now} 1 passed`);
        return follow ? late() : each<string>();
      };
      return (await print(running(), { phase, follow: true }, { podLog })).stdout;
    };
    expect([await said('agent'), await said('verifier')]).to.deep.equal(['', '1 passed\n']);
  });

  it('is waited for where the Trial waits, with each reason once', async () => {
    const w = await world();
    try {
      const waiting = active('Unschedulable', { name: 'a', message: 'no room' });
      w.have(waiting);
      const said: string[] = [];
      const wish: LogWish = { follow: true, signal };
      const began = whenLogged(w.session, waiting, { wish, say: (text) => said.push(text) });
      w.have({ ...running(), metadata: waiting.metadata });
      expect((await began).status?.podName).to.equal('p');
      expect(said).to.deep.equal(['waiting: Unschedulable: no room']);
      const gone = whenLogged(w.session, inRun({ name: 'gone' }), { wish, say: () => {} });
      expect((await failureOf(gone)).code).to.equal('SB-E090');
    } finally {
      await w.close();
    }
  });

  it('is one stream with the containers’ names where it is followed', async () => {
    pods = ['p'];
    const { stdout } = await print(running(), { follow: true });
    expect(stdout.split('\n').filter(Boolean)).to.have.members([
      `courier | ${at(1)} agentExecution began`,
      `courier | ${at(4)} verifier began`,
      'task    | solving',
      'task    | done',
      'task    | 1 passed',
    ]);
  });

  it('comes from the store by the same command when the Trial has ended', async () => {
    const trial = rewarded(1);
    await keep(trial);
    expect((await print(trial)).stdout).to.equal('began\nended\nsolving\ndone\n1 passed\n');
    expect((await print(trial, { phase: 'agent' })).stdout).to.equal('solving\ndone\n');
    expect((await print(trial, { phase: 'verifier', tail: 1 })).stdout).to.equal('1 passed\n');
  });

  it('comes from the Pod of an ended Trial that stores nothing, or whose store does not answer', async () => {
    pods = ['p'];
    const status = { ...rewarded(1).status, podName: 'p' };
    expect((await print(rewarded(1, { uploadResults: false, status }), { phase: 'agent' })).stdout).to.equal(
      'solving\ndone\n',
    );
    const refuses = { store: () => Promise.reject(new ProviderError('Unavailable', 'the store is away')) };
    const { stdout, stderr } = await print(rewarded(1, { status }), { phase: 'agent' }, refuses);
    expect(stdout).to.equal('solving\ndone\n');
    expect(stderr).to.include('the store is away; taken from the Pod instead');
  });

  it('is SB-E093 where there is none, with the reason', async () => {
    const failure = await failureOf(print(active('Unschedulable', { message: '0/2 nodes' })));
    expect(failure).to.include({
      code: 'SB-E093',
      why: 'Unschedulable: 0/2 nodes',
      fix: 'sb trial explain hello',
    });
  });

  describe('of the build', () => {
    const trial = () =>
      broken('BuildFailed', { status: { ...broken('BuildFailed').status, taskBuild: 'b' } });
    const build = (over: object = {}): TaskBuild =>
      aTaskBuild({
        name: 'b',
        status: {
          conditions: [
            {
              type: 'Succeeded',
              status: 'False',
              reason: 'DockerfileFailed',
              message: 'RUN false',
              lastTransitionTime: '',
            },
          ],
          attempts: [{ number: 1, token: 'b-1', logTail: ['#5 RUN false', '#5 ERROR'], ...over }],
        },
      });

    it('comes from its Job’s Pod, else it is the end that the TaskBuild keeps', async () => {
      const log = { taskBuild: async () => build() };
      const { stdout, stderr } = await print(trial(), { phase: 'build' }, log);
      expect(stdout).to.equal('#5 RUN false\n#5 ERROR\n');
      expect(stderr).to.include('TaskBuild b: DockerfileFailed: RUN false');
      const podLog: LogSources['podLog'] = async ({ pod, container }) => each(`${container} in ${pod}`);
      expect((await print(trial(), { phase: 'build' }, { ...log, podLog })).stdout).to.equal(
        'build in b-1-pod\n',
      );
    });

    it('names the page where the builder has one', async () => {
      const taskBuild = async () => build({ logTail: undefined, logUrl: 'https://logs' });
      expect((await print(trial(), { phase: 'build' }, { taskBuild })).stderr).to.include(
        'whole log: https://logs',
      );
    });

    it('is SB-E093 where the image was there, or nothing was built', async () => {
      expect((await failureOf(print(rewarded(1), { phase: 'build' }))).why).to.include(
        'its image is not built',
      );
      const taskBuild = async () => aTaskBuild({ name: 'b' });
      expect((await failureOf(print(trial(), { phase: 'build' }, { taskBuild }))).code).to.equal('SB-E093');
    });
  });
});

describe('Lines of a log', () => {
  const linesOf = (...chunks: (string | Uint8Array)[]) => Array.fromAsync(rawLines(each(...chunks)));

  it('are whole where a chunk ends within one, or within a character', async () => {
    const euro = Buffer.from('€');
    expect(await linesOf('a', 'b\nc', '\n')).to.deep.equal(['ab', 'c']);
    expect(await linesOf(euro.subarray(0, 1), euro.subarray(1))).to.deep.equal(['€']);
  });

  it('are cut where one never ends', async () => {
    const lines = await linesOf('x'.repeat(40_000), 'y\n');
    expect(lines.map(({ length }) => length)).to.deep.equal([16_384, 16_384, 7232, 1]);
  });

  it('are several where a progress bar wrote over itself', () =>
    expect(safeLines('10%\r20%\r')).to.deep.equal(['10%', '20%']));

  it('are the last ones alone', async () => {
    expect(await lastOf(each(1, 2, 3, 4, 5), 2)).to.deep.equal([4, 5]);
    expect(await lastOf(each(1), 2)).to.deep.equal([1]);
    expect(await lastOf(each(1, 2), 0)).to.deep.equal([]);
  });
});

describe('The log of a container', () => {
  let server: Server;
  let answer: { status: number; body: string; cut?: boolean };
  let asked: string;
  beforeEach(async () => {
    server = createServer((request, response) => {
      asked = request.url ?? '';
      response.writeHead(answer.status);
      if (answer.cut) response.write(answer.body, () => response.destroy());
      else response.end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  const read = async (): Promise<string[] | undefined> => {
    const config = new KubeConfig();
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    config.loadFromClusterAndUser({ name: 'c', server: url, skipTLSVerify: true }, { name: 'u' });
    const kubeParts = connect({ kubeConfig: config, log: recordingLog() });
    try {
      const podLog = podLogOf({ kubeParts, namespace: 'n' });
      const lines = await podLog({
        pod: 'p',
        container: 'task',
        tail: 5,
        timestamps: true,
        signal: new AbortController().signal,
      });
      return lines && (await Array.fromAsync(lines));
    } finally {
      await kubeParts.close();
    }
  };

  it('is asked for by the line', async () => {
    answer = { status: 200, body: 'a\nb' };
    expect(await read()).to.deep.equal(['a', 'b']);
    expect(asked).to.equal('/api/v1/namespaces/n/pods/p/log?container=task&tailLines=5&timestamps=true');
  });

  it('is undefined where Pod or log are not there', async () => {
    for (const status of [404, 400]) {
      answer = { status, body: '{}' };
      expect(await read()).to.equal(undefined);
    }
  });

  it('ends where the connection does', async () => {
    answer = { status: 200, body: 'a\n', cut: true };
    expect(await read()).to.deep.equal(['a']);
  });
});
