import { expect } from 'chai';
import { aTaskBuild } from '../../../../test/support/builders/objects.ts';
import { certificate } from '../../../../test/support/client/certificate.ts';
import { resultsOf } from '../../../../test/support/client/doctor.ts';
import { agentsNamespace } from '../../../installation/operator.ts';
import { ApiError } from '../../../kube/errors.ts';
import type { KubeClient, KubeObject } from '../../../kube/types.ts';
import type { Found } from './check.ts';
import { programs } from './programs.ts';

describe('sb doctor about programs of agents', () => {
  const judged = async (objects: Record<string, readonly KubeObject[]>): Promise<string[]> =>
    (await resultsOf(programs, { objects })).map(({ state, what, why }) =>
      [state, what, why].filter(Boolean).join(': '),
    );
  const there = agentsNamespace();
  const altered = (metadata: object): KubeObject => ({
    ...there,
    metadata: { ...there.metadata, ...metadata },
  });

  it('wants their namespace, open to builds that read what the operator writes for them', async () => {
    expect(await judged({ Namespace: [there] })).to.deep.equal([
      'fine: programs of agents are built in namespace sb-agents',
    ]);
    expect((await judged({}))[0]).to.match(
      /^problem: there is no namespace sb-agents: .*SB_AGENT_PROGRAMS=Install/,
    );
    expect(
      (await judged({ Namespace: [altered({ deletionTimestamp: '2026-01-31T14:25:01Z' })] }))[0],
    ).to.include('is being deleted');
    expect(await judged({ Namespace: [altered({ labels: {}, annotations: {} })] })).to.deep.equal([
      'problem: namespace sb-agents is not open to builds: it lacks the label sb.abundant.ai/trials=allowed and the annotation sb.abundant.ai/task-prefixes=tasks/_agents/',
    ]);
  });

  it('wants certificates in the ConfigMap of authorities, where there is one that may be read', async () => {
    const map = (data: Record<string, string>): KubeObject =>
      ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'sb-build-ca' },
        data,
      }) as KubeObject;
    const of = async (data: Record<string, string>): Promise<string | undefined> =>
      (await judged({ Namespace: [there], ConfigMap: [map(data)] }))[1];
    expect(await of({ 'ca.crt': certificate() })).to.match(/^fine: .*sb-build-ca/);
    expect(await of({ 'company.pem': certificate() })).to.match(
      /^problem: .*sb-build-ca holds no certificates/,
    );
  });

  it('is no warning for those who may not look', async () => {
    const error = new ApiError({ status: 403, reason: 'Forbidden', message: 'no' });
    const of = async (...denied: string[]): Promise<Found[]> => {
      const get = async ({ kind }: { kind: string }): Promise<KubeObject> => {
        if (denied.includes(kind)) throw error;
        return there;
      };
      return resultsOf(programs, { kube: { get } as Partial<KubeClient> });
    };
    expect((await of('ConfigMap')).map(({ state }) => state)).to.deep.equal(['fine']);
    expect((await of('ConfigMap', 'Namespace')).map(({ state }) => state)).to.deep.equal(['skipped']);
  });

  it('names builds that failed', async () => {
    const build = aTaskBuild();
    const failed = {
      ...build,
      metadata: { ...build.metadata, namespace: 'sb-agents', labels: { 'sb.abundant.ai/agent': 'codex' } },
      status: {
        conditions: [
          {
            type: 'Succeeded',
            status: 'False',
            reason: 'DockerfileFailed',
            message: '',
            lastTransitionTime: '',
          },
        ],
      },
    } as KubeObject;
    expect((await judged({ Namespace: [there], TaskBuild: [failed] }))[1]).to.match(
      /^warning: the program of codex: its build failed: DockerfileFailed/,
    );
  });
});
