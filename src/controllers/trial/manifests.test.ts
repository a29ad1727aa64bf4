import { expect } from 'chai';
import {
  anImageConfig,
  aTrial,
  compiledTrial,
  POD_SETTINGS,
} from '../../../test/support/builders/objects.ts';
import { secretVariable } from '../../wire/assignment.ts';
import { GRANT_SECONDS } from '../../wire/uploads.ts';
import { expectGolden } from '../../../test/support/golden.ts';
import type { ImageConfig } from '../../crds/image-config.ts';
import { LABEL } from '../../crds/names.ts';
import type { TrialSpec } from '../../crds/trial.ts';
import { securityLevelOf } from '../../pods/reading/security-level.ts';
import { jobFor } from './manifests.ts';

const image = { reference: 'debian@sha256:aa', digest: 'sha256:aa', config: anImageConfig() };
const job = (spec: Partial<TrialSpec> = {}, name = 'hello') =>
  jobFor(compiledTrial(aTrial({ spec, name })), 1, { images: { agent: image }, settings: POD_SETTINGS });
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

  it('looks as it always did with everything that an installation and a spec can ask for', async () => {
    const { environment } = aTrial().spec;
    const trial = aTrial({
      name: 'train',
      spec: {
        task: { name: 'train', dataset: 'local', s3: { uri: 's3://artifacts/tasks/local/train/0123/' } },
        environment: {
          ...environment,
          env: [{ name: 'COST', value: '$5' }, secret],
          gpus: 2,
          runtimeClassName: 'gvisor',
        },
        agent: { name: 'custom', run: 'true', setupTimeoutSeconds: 360, env: [secret] },
        verifier: { mode: 'Shared', disabled: false, env: [{ name: 'A', value: 'b' }, secret] },
        scheduling: {
          nodeSelector: { pool: 'gpu' },
          tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }],
          priorityClassName: 'low',
          queueName: 'evals',
        },
        uploadResults: false,
      },
    });
    await expectGolden(
      'trial-job-full.yaml',
      jobFor(compiledTrial(trial), 2, {
        images: { agent: { ...image, taskBuild: 'train-0123456789abcdef' } },
        settings: { ...POD_SETTINGS, userNamespaces: true, imagePullSecrets: ['ecr'] },
        taskContent: 'ab'.repeat(32),
      }),
    );
  });

  it('says on the Pod whose its costs are, whatever labels the Trial has', () => {
    const trial = compiledTrial(aTrial());
    Object.assign(trial.metadata, { labels: { user_id: 'eve' } });
    const settings = { ...POD_SETTINGS, costLabels: { user_id: 'ada' } };
    const { template } = jobFor(trial, 1, { images: { agent: image }, settings }).spec!;
    expect(template.metadata?.labels).to.include({ user_id: 'ada' });
  });

  describe('of a network', () => {
    const { environment } = aTrial().spec;
    const templateOf = (mode: 'Public' | 'None' | 'Allowlist') => {
      const spec = { environment: { ...environment, network: { ...environment.network, mode } } };
      const trial = compiledTrial(aTrial({ spec }));
      const { template } = jobFor(trial, 1, {
        images: { agent: image },
        settings: { ...POD_SETTINGS, brokerAddress: '10.96.0.9' },
      }).spec!;
      return { labels: template.metadata?.labels, pod: template.spec! };
    };

    it('that is the internet looks up names as any Pod', () => {
      const { labels, pod: rendered } = templateOf('Public');
      expect(labels).to.include({ [LABEL.network]: 'public' });
      expect(rendered).not.to.have.property('dnsPolicy');
    });

    for (const mode of ['None', 'Allowlist'] as const)
      it(`${mode} looks up no name, and its courier knows the broker's address`, () => {
        const { labels, pod: rendered } = templateOf(mode);
        expect(labels).to.include({ [LABEL.network]: 'restricted' });
        expect(rendered).to.deep.include({
          dnsPolicy: 'None',
          dnsConfig: { nameservers: ['127.0.0.1'] },
        });
        expect(rendered.initContainers?.[0]?.env).to.deep.include({
          name: 'SB_BROKER_ADDRESS',
          value: '10.96.0.9',
        });
      });
  });

  it('goes to a node with one of the GPUs that are wanted, and has its taint tolerated', () => {
    const { environment } = aTrial().spec;
    const spec = pod({ environment: { ...environment, gpus: 1, gpuTypes: ['H100', 'T4'] } });
    expect(spec?.affinity).to.deep.equal({
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            {
              matchExpressions: [
                { key: 'gpu', operator: 'In', values: ['h100'] },
                { key: 'big', operator: 'In', values: ['1'] },
              ],
            },
            { matchExpressions: [{ key: 'accelerator', operator: 'In', values: ['h'] }] },
          ],
        },
      },
    });
    expect(spec?.containers[0]?.resources?.limits).to.include({ 'nvidia.com/gpu': '1' });
    expect(spec?.tolerations?.[0]).to.deep.equal({
      key: 'nvidia.com/gpu',
      operator: 'Exists',
      effect: 'NoSchedule',
    });
    expect(pod({ environment: { ...environment, gpus: 1 } })?.affinity).to.equal(undefined);
  });

  it('meets Pod Security baseline', () => {
    const spec = pod();
    expect(spec && securityLevelOf(spec)).to.equal('baseline');
  });

  it('sets no_new_privs where the Trial says so', () => {
    const { environment } = aTrial().spec;
    const task = pod({ environment: { ...environment, allowPrivilegeEscalation: false } })?.containers[0];
    expect(task?.securityContext).to.deep.equal({
      runAsUser: 0,
      runAsGroup: 0,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['MKNOD'] },
    });
  });

  it('gives the task container memory for its first process beside what the Trial says', () => {
    const { environment } = aTrial().spec;
    const resources = {
      requests: { cpu: '1', memory: '1.5Gi', 'ephemeral-storage': '1Gi' },
      limits: { memory: '2G', 'ephemeral-storage': '1Gi' },
    };
    const made = pod({ environment: { ...environment, resources } });
    expect(made?.containers[0]?.resources?.requests?.['memory']).to.equal('1544Mi');
    expect(made?.containers[0]?.resources?.limits?.['memory']).to.equal(String(2e9 + 8 * 2 ** 20));
  });

  describe('where one user does everything', () => {
    const made = (user: string) =>
      jobFor(
        compiledTrial(
          aTrial({
            spec: { environment: { ...aTrial().spec.environment, allowPrivilegeEscalation: false } },
          }),
        ),
        1,
        { images: { agent: { ...image, config: anImageConfig({ user }) } }, settings: POD_SETTINGS },
      );

    it('meets Pod Security restricted', async () => {
      const attempt = made('1000:100');
      const spec = attempt.spec?.template.spec;
      expect(spec && securityLevelOf(spec)).to.equal('restricted');
      await expectGolden('trial-job-one-user.yaml', attempt);
    });

    it('starts as root all the same where the user has a name', () => {
      const spec = made('agent').spec?.template.spec;
      expect(spec && securityLevelOf(spec)).to.equal('baseline');
      expect(spec?.containers[0]?.securityContext?.runAsUser).to.equal(0);
    });
  });

  describe('in a namespace that has users of its own', () => {
    const users = { first: 1_000_680_000, last: 1_000_689_999 };
    const environment = { ...aTrial().spec.environment, allowPrivilegeEscalation: false };
    const made = (config: Partial<ImageConfig>) =>
      jobFor(compiledTrial(aTrial({ spec: { environment } })), 1, {
        images: { agent: { ...image, config: anImageConfig(config) } },
        settings: { ...POD_SETTINGS, userNamespaces: true },
        users,
      });

    it('has two of them in the place of the image’s, and no user namespace, which would not know them', async () => {
      const attempt = made({ user: 'agent' });
      const spec = attempt.spec?.template.spec;
      expect(spec && securityLevelOf(spec)).to.equal('restricted');
      expect(spec?.hostUsers).to.equal(undefined);
      await expectGolden('trial-job-assigned-user.yaml', attempt);
    });

    it('is what it would be elsewhere where root has to be there', () => {
      const trial = compiledTrial(aTrial());
      const making = { images: { agent: image }, settings: POD_SETTINGS };
      expect(jobFor(trial, 1, { ...making, users })).to.deep.equal(jobFor(trial, 1, making));
    });
  });

  it('pulls with the Secrets that the operator was told of', () => {
    const made = jobFor(compiledTrial(aTrial()), 1, {
      images: { agent: image },
      settings: { ...POD_SETTINGS, imagePullSecrets: ['ecr'] },
    });
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

  it('has no label or annotation that somebody wrote on the Trial, in our name or another', () => {
    const trial = aTrial();
    const written = { [LABEL.network]: 'written', 'argocd.argoproj.io/tracking-id': 'written' };
    Object.assign(trial.metadata, { labels: written, annotations: written });
    const made = jobFor(compiledTrial(trial), 1, { images: { agent: image }, settings: POD_SETTINGS });
    expect(JSON.stringify(made)).not.to.include('written');
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
      name: secretVariable({ name: 'keys', key: 'a' }),
      valueFrom: { secretKeyRef: { name: 'keys', key: 'a' } },
    });
    expect(JSON.stringify(spec)).not.to.contain('plain');
  });

  it('hands values over as they were written, whatever dollar signs are in them', () => {
    const env = [
      { name: 'P', value: 'plain' },
      { name: 'Q', value: 'a$$b' },
      { name: 'S', value: '$(P)/x $P $' },
      { name: 'E', value: '' },
      { name: 'L', value: 'two\nlines, ünïcode' },
      secret,
    ];
    const { environment } = aTrial().spec;
    const made = pod({ environment: { ...environment, env } });
    expect(made?.containers[0]?.env).to.deep.equal([
      { name: 'P', value: 'plain' },
      { name: 'Q', value: 'a$$$$b' },
      { name: 'S', value: '$$(P)/x $$P $$' },
      { name: 'E', value: '' },
      { name: 'L', value: 'two\nlines, ünïcode' },
      { name: 'KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'a' } } },
    ]);
  });

  it('tells the courier of a broker whose address has dollar signs', () => {
    const made = jobFor(compiledTrial(aTrial()), 1, {
      images: { agent: image },
      settings: { ...POD_SETTINGS, brokerUrl: 'https://a/$(B)' },
    });
    const env = made.spec?.template.spec?.initContainers?.[0]?.env;
    expect(env?.[0]).to.deep.equal({ name: 'SB_BROKER_URL', value: 'https://a/$$(B)' });
  });

  it('takes amounts that are numbers', () => {
    const { environment } = aTrial().spec;
    const resources = {
      requests: { cpu: 1, memory: 2 ** 30, 'ephemeral-storage': 100_000_000 },
      limits: { cpu: 2, 'ephemeral-storage': 200_000_000 },
    };
    const made = pod({ environment: { ...environment, resources } });
    expect(made?.containers[0]?.resources).to.deep.equal({
      requests: { cpu: '1', memory: '1032Mi', 'ephemeral-storage': '100000000' },
      limits: { cpu: '2', 'ephemeral-storage': '200000000' },
    });
    expect(made?.volumes?.find(({ name }) => name === 'logs')?.emptyDir).to.deep.equal({
      sizeLimit: '200000000',
    });
  });

  it('has a user for each courier that no image has, the same whoever renders it', () => {
    const userOf = (attempt: number) =>
      jobFor(compiledTrial(aTrial()), attempt, { images: { agent: image }, settings: POD_SETTINGS }).spec
        ?.template.spec?.initContainers?.[0]?.securityContext?.runAsUser ?? 0;
    const users = Array.from({ length: 50 }, (_, at) => userOf(at + 1));
    expect(users.every((user) => user >= 65_000 && user < 65_500)).to.equal(true);
    expect(new Set(users).size).to.be.greaterThan(40);
    expect(userOf(1)).to.equal(users[0]);
  });

  it('runs in a user namespace where the installation says that nodes have them', () => {
    const made = jobFor(compiledTrial(aTrial()), 1, {
      images: { agent: image },
      settings: { ...POD_SETTINGS, userNamespaces: true },
    });
    const { hostUsers, securityContext } = made.spec?.template.spec ?? {};
    expect(hostUsers).to.equal(false);
    expect(securityContext?.sysctls?.[0]?.value).to.equal('0 65535');
    expect(pod()).not.to.have.property('hostUsers');
  });

  it('is given up on a silent node when grants for uploads from before are over', () => {
    const { tolerations = [], terminationGracePeriodSeconds = 0 } = pod() ?? {};
    const silence = tolerations.find(({ key }) => key === 'node.kubernetes.io/unreachable');
    expect((silence?.tolerationSeconds ?? 0) + terminationGracePeriodSeconds).to.be.greaterThan(
      GRANT_SECONDS,
    );
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
