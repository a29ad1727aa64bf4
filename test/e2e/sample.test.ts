import { expect } from 'chai';
import { Trial as TrialKind } from '../../src/crds/kinds.ts';
import { kubectl, kubectlOk } from '../support/cluster.ts';
import { ensureBaseImages } from './cluster/index.ts';
import { storedKeys } from './support/stored.ts';
import { world } from './support/world.ts';

const trialOf = async (namespace: string, name: string) => {
  const trial = await world().kube.get(TrialKind, { namespace, name });
  if (!trial) throw new Error(`there is no Trial ${name}`);
  return trial;
};

describe('the samples', () => {
  let namespace = '';
  before(async () => {
    namespace = await world().makeNamespace();
    await ensureBaseImages(['debian:bookworm-slim']);
  });

  const wait = (name: string): Promise<string> =>
    kubectlOk(['wait', '-n', namespace, '--for=condition=Succeeded', `trial/${name}`, '--timeout=120s']);

  it('trial.yaml is applied, waited for and shown with kubectl alone', async () => {
    await kubectlOk(['apply', '-n', namespace, '-f', 'config/samples/trial.yaml']);
    await wait('hello');
    const [head = '', row = ''] = (await kubectlOk(['get', 'trials', '-n', namespace])).split('\n');
    expect(head.split(/\s+/)).to.deep.equal(['NAME', 'TASK', 'AGENT', 'REWARD', 'REASON', 'AGE']);
    expect(row.split(/\s+/).slice(0, 5)).to.deep.equal([
      'hello',
      'sb/hello',
      'oracle',
      '1',
      'RewardObtained',
    ]);
    const [wide = ''] = (await kubectlOk(['get', 'trials', '-n', namespace, '-o', 'wide'])).split('\n');
    expect(wide.split(/\s+/)).to.include.members(['RUN', 'MODEL', 'NODE', 'S3']);
  });

  it('its S3 URI and its log’s URL lead somewhere', async () => {
    await wait('hello');
    const trial = await trialOf(namespace, 'hello');
    expect(trial.status?.s3TrialUri).to.match(/^s3:\/\/[^/]+\/trials\/samples\/hello__[0-9a-f]{7}\/$/);
    expect([...(await storedKeys(trial)).keys()]).to.include.members([
      'result.json',
      'manifest.json',
      'outcome.json',
      'trial.log',
    ]);
    const log = await fetch(trial.status?.logs?.url ?? '');
    expect(log.status).to.equal(200);
    expect(await log.text()).to.not.equal('');
  });

  it('applied again, it changes nothing', async () => {
    await wait('hello');
    const before = (await trialOf(namespace, 'hello')).metadata.resourceVersion;
    const said = await kubectlOk(['apply', '-n', namespace, '-f', 'config/samples/trial.yaml']);
    expect(said).to.contain('trial.sb.abundant.ai/hello unchanged');
    expect((await trialOf(namespace, 'hello')).metadata.resourceVersion).to.equal(before);
  });

  it('the others earn 1 as well', async () => {
    const others = ['trial-build', 'trial-custom-agent', 'taskbuild'];
    for (const name of others)
      await kubectlOk(['apply', '-n', namespace, '-f', `config/samples/${name}.yaml`]);
    await Promise.all([
      wait('hello-build'),
      wait('hello-custom-agent'),
      kubectlOk([
        'wait',
        '-n',
        namespace,
        '--for=condition=Succeeded',
        'taskbuild/hello-image',
        '--timeout=120s',
      ]),
    ]);
    for (const name of ['hello-build', 'hello-custom-agent'])
      expect((await trialOf(namespace, name)).status?.reward, name).to.equal(1);
  });

  it('are refused with the field’s name when they are wrong', async () => {
    const { code, stderr } = await kubectl(['apply', '-n', namespace, '-f', '-'], {
      apiVersion: 'sb.abundant.ai/v1alpha1',
      kind: 'Trial',
      metadata: { name: 'wrong' },
      spec: {
        task: { name: 'x', configMap: { name: 'x' } },
        environment: { image: 'x' },
        agent: { timeoutSeconds: 'soon' },
      },
    });
    expect(code).to.not.equal(0);
    expect(stderr).to.contain('spec.agent.timeoutSeconds');
  });
});
