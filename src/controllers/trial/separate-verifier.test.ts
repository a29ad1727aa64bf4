import { expect } from 'chai';
import { aReadyImage, aTrial, compiledTrial, POD_SETTINGS } from '../../../test/support/builders/objects.ts';
import { expectGolden } from '../../../test/support/golden.ts';
import type { UidRange } from '../../crds/namespace-rules.ts';
import { present } from '../../crds/present.ts';
import { mapRoles, type VerifierRole } from '../../crds/trial-status.ts';
import type { CompiledEnvironment } from '../../tasks/index.ts';
import { securityLevelOf } from '../../pods/reading/security-level.ts';
import { verifierImagesOf } from '../../pods/verifier-images.ts';
import { jobFor } from './manifests.ts';
import type { CompiledTrial } from './observed.ts';

/** A Trial with separate verifiers, each in the agent's environment with changes. */
function aTrialWith(
  verifiers: { [role in VerifierRole]?: Partial<CompiledEnvironment> },
  agent: Partial<CompiledEnvironment> = {},
): CompiledTrial {
  const { spec, ...trial } = compiledTrial(aTrial());
  const environment = { ...spec.environment, ...agent };
  const environments = Object.fromEntries(
    Object.entries(verifiers).map(([role, over]) => [role, { ...environment, ...over }]),
  );
  const [step] = spec.work;
  const roles = Object.keys(verifiers) as VerifierRole[];
  const [first, ...others] = roles.map((role) => ({ ...step, verifier: { ...step.verifier, role } }));
  const work: typeof spec.work = [first ?? step, ...others];
  return {
    ...trial,
    spec: { ...spec, environment, work, environments: { agent: environment, ...environments } },
  };
}

const templateOf = (trial: CompiledTrial, image = aReadyImage, users?: UidRange) =>
  jobFor(trial, 1, {
    images: mapRoles(trial.spec.environments, (_, role) => image(role)),
    settings: POD_SETTINGS,
    ...present({ users }),
  }).spec?.template;
const podOf = (trial: CompiledTrial, image = aReadyImage, users?: UidRange) =>
  templateOf(trial, image, users)?.spec;

describe('the Pod of a Trial with separate verifiers', () => {
  it('looks as it always did where there is one step', async () => {
    const trial = aTrialWith({ verifier: { hasTests: true, env: [{ name: 'JUDGE', value: '1' }] } });
    const images = {
      agent: { ...aReadyImage('agent'), taskBuild: 'hello-1' },
      verifier: { ...aReadyImage('verifier'), taskBuild: 'hello-2' },
    };
    await expectGolden('trial-job-separate.yaml', jobFor(trial, 1, { images, settings: POD_SETTINGS }));
  });

  it('looks as it always did where there are several steps', async () => {
    const trial = aTrialWith({ 'verifier-1': {}, 'verifier-3': { env: [{ name: 'JUDGE', value: '3' }] } });
    await expectGolden('trial-pod-separate-steps.yaml', podOf(trial) ?? {});
  });

  it('shares no volume between the agent and a verifier', () => {
    for (const trial of [aTrialWith({ verifier: {} }), aTrialWith({ 'verifier-1': {}, 'verifier-2': {} })]) {
      const { initContainers = [], containers = [] } = podOf(trial) ?? {};
      const ofTask = [...initContainers, ...containers].filter(({ name }) => name !== 'courier');
      const volumes = ofTask.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name));
      expect(new Set(volumes).size).to.equal(volumes.length);
      expect(volumes).to.have.length(2 * ofTask.length);
    }
  });

  it('gives each container its own one user, and mounts /tests for who is not root only where the image has none', () => {
    const restricted = { allowPrivilegeEscalation: false };
    const mountsOf = (verifier: Partial<CompiledEnvironment>): (string | undefined)[] => {
      const pod = podOf(aTrialWith({ verifier }, restricted), (name) => aReadyImage(name, '1000'));
      const { initContainers = [], containers = [] } = pod ?? {};
      return [initContainers[1], containers[0]].map((container) =>
        container?.volumeMounts?.map(({ mountPath }) => mountPath).join(' '),
      );
    };
    expect(mountsOf({})).to.deep.equal(['/sb /logs /solution', '/sb /logs /tests']);
    expect(mountsOf({ hasTests: true })).to.deep.equal(['/sb /logs /solution', '/sb /logs']);
    expect(mountsOf({ allowPrivilegeEscalation: true })).to.deep.equal(['/sb /logs /solution', '/sb /logs']);
  });

  describe('in a namespace that has users of its own', () => {
    const users = { first: 1000, last: 1002 };
    const restricted = { allowPrivilegeEscalation: false };
    const startAs = (verifier: Partial<CompiledEnvironment>) => {
      const { initContainers = [], containers = [] } =
        podOf(aTrialWith({ verifier }, restricted), aReadyImage, users) ?? {};
      return Object.fromEntries(
        [...initContainers, ...containers].map(({ name, securityContext }) => [
          name,
          securityContext?.runAsUser,
        ]),
      );
    };

    it('has all of them run as one, and the courier as none that a task’s container has', () => {
      expect(startAs({})).to.include({ task: 1000, verifier: 1000 });
      expect(startAs({})['courier']).to.be.oneOf([1001, 1002]);
      expect(startAs({ user: '1001' })).to.deep.equal({ task: 1000, verifier: 1001, courier: 1002 });
      expect(startAs({ user: '1002' })).to.deep.equal({ task: 1000, verifier: 1002, courier: 1001 });
    });

    it('says of every image that it has that user, and meets Pod Security restricted', () => {
      const template = templateOf(aTrialWith({ verifier: {} }, restricted), aReadyImage, users);
      expect(verifierImagesOf(template?.metadata?.annotations)?.verifier?.config.user).to.equal('1000:0');
      expect(template?.spec && securityLevelOf(template.spec)).to.equal('restricted');
    });

    it('is what it would be elsewhere where one container needs root', () => {
      const trial = aTrialWith({ verifier: { user: '0' } }, restricted);
      expect(podOf(trial, aReadyImage, users)).to.deep.equal(podOf(trial));
    });
  });
});
