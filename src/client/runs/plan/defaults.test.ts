import { expect } from 'chai';
import { ApiError } from '../../../kube/errors.ts';
import type { KubeClient } from '../../../kube/types.ts';
import { rulesOf } from '../../session/rules.ts';
import type { ClientConfig } from '../../session/types.ts';
import { taskDefaults } from './defaults.ts';

describe('what holds for tasks that say nothing', () => {
  const config: ClientConfig = {
    profile: 'local',
    bucket: 'b',
    region: 'r',
    operatorVersion: '1',
    operatorNamespace: 'sb-system',
  };
  const defaults = async (get: () => Promise<unknown>, more: Partial<ClientConfig> = {}) => {
    const rules = await rulesOf({ kube: { get } as unknown as KubeClient, namespace: 'team-a' });
    return taskDefaults({ client: async () => ({ ...config, ...more }) }, rules);
  };
  const annotated = (mode: string) => async () => ({
    metadata: { name: 'team-a', annotations: { 'sb.abundant.ai/verifier-mode': mode } },
  });

  it('is what the Namespace’s annotation and the installation say', async () => {
    const found = await defaults(annotated('Shared'), { verifierMode: 'Separate' });
    expect(found?.namespace).to.include({ verifierMode: 'Shared' });
    expect(found?.installation).to.deep.equal({ verifierMode: 'Separate' });
    const nothing = await defaults(async () => ({ metadata: { name: 'team-a' } }));
    expect(nothing?.namespace).not.to.have.property('verifierMode');
    expect(nothing?.installation).to.deep.equal({});
  });

  it('is not known to who may not read the Namespace: it could say otherwise', async () => {
    const refuse = async () => {
      throw new ApiError({ status: 403, reason: 'Forbidden', message: 'no' });
    };
    expect(await defaults(refuse, { verifierMode: 'Separate' })).to.equal(undefined);
  });
});
