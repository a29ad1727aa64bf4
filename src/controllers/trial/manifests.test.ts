import { expect } from 'chai';
import { anImageConfig, aTrial } from '../../../test/support/builders.ts';
import { expectGolden } from '../../../test/support/golden.ts';
import type { TrialSpec } from '../../crds/trial.ts';
import { jobFor } from './manifests.ts';

const settings = {
  courierImage: 'registry/sb-operator:1',
  imagePullSecrets: [],
  brokerUrl: 'https://broker:8443',
  brokerCa: 'PEM',
};
const image = { reference: 'debian@sha256:aa', digest: 'sha256:aa', config: anImageConfig() };
const job = (spec: Partial<TrialSpec> = {}, name = 'hello') =>
  jobFor(aTrial({ spec, name }), 1, { image, settings });
const pod = (spec: Partial<TrialSpec> = {}) => job(spec).spec?.template.spec;

const secret = { name: 'KEY', secretKeyRef: { name: 'keys', key: 'a' } };

describe('the Job of a Trial', () => {
  it('looks as it always did', async () => {
    await expectGolden(
      'trial-job.yaml',
      job({
        run: 'nightly',
        agent: { name: 'custom', run: 'true', setupTimeoutSeconds: 360, env: [secret] },
      }),
    );
  });

  it('pulls with the Secrets that the operator was told of', () => {
    const made = jobFor(aTrial(), 1, { image, settings: { ...settings, imagePullSecrets: ['ecr'] } });
    expect(made.spec?.template.spec?.imagePullSecrets).to.deep.equal([{ name: 'ecr' }]);
  });

  it('gives the task container no credential, address or token', () => {
    const task = pod({ agent: { name: 'custom', run: 'x', setupTimeoutSeconds: 1, env: [secret] } })
      ?.containers[0];
    expect(JSON.stringify(task)).not.to.match(/broker|token|SB_|keys/i);
    expect(task?.volumeMounts?.map(({ mountPath, readOnly = false }) => [mountPath, readOnly])).to.deep.equal(
      [
        ['/sb', true],
        ['/logs', false],
      ],
    );
  });

  it('hands secrets of the agent to the courier by reference alone', () => {
    const spec = pod({
      agent: {
        name: 'custom',
        run: 'x',
        setupTimeoutSeconds: 1,
        env: [{ name: 'A', value: 'plain' }, secret],
      },
    });
    const env = spec?.initContainers?.[0]?.env;
    expect(env?.at(-1)).to.deep.equal({
      name: 'SB_SECRET_AGENT_1',
      valueFrom: { secretKeyRef: { name: 'keys', key: 'a' } },
    });
    expect(JSON.stringify(spec)).not.to.contain('plain');
  });

  it('mounts a task’s ConfigMap into the courier alone', () => {
    const spec = pod();
    expect(spec?.volumes?.at(-1)).to.deep.equal({ name: 'task', configMap: { name: 'hello-task' } });
    expect(spec?.containers[0]?.volumeMounts?.map(({ name }) => name)).not.to.include('task');
  });

  it('has a name that leaves room for the Pod’s own ending, however long the Trial’s is', () => {
    const long = job({}, 'a'.repeat(200)).metadata.name;
    expect(long.length).to.be.at.most(57);
    expect(long).not.to.equal(job({}, `${'a'.repeat(199)}b`).metadata.name);
  });
});
