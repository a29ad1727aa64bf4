import { expect } from 'chai';
import { definitions } from '../../crds/kinds.ts';
import { VERSION } from '../../crds/names.ts';
import type { KubeClient } from '../../kube/types.ts';
import { missingFields } from './preflight.ts';

interface Schema {
  properties: { spec: { required: string[]; properties: Record<string, unknown> } };
}

/** What an API server publishes of our kinds, after `change` of the Trial's schema. */
function published(change: (trial: Schema) => void = () => undefined): KubeClient {
  const schemas = Object.fromEntries(
    definitions.map(({ spec: { names, versions } }) => [
      `ai.abundant.sb.${VERSION}.${names.kind}`,
      structuredClone(versions[0]?.schema.openAPIV3Schema),
    ]),
  );
  change(schemas[`ai.abundant.sb.${VERSION}.Trial`] as unknown as Schema);
  return { raw: async () => ({ components: { schemas } }) } as unknown as KubeClient;
}

describe('custom resources of another version', () => {
  it('miss nothing where they are ours', async () => {
    expect(await missingFields(published())).to.deep.equal([]);
  });

  it('are told by what they do not know, and by what they still demand', async () => {
    const older = published(({ properties: { spec } }) => {
      delete spec.properties['run'];
      spec.required.push('environment');
    });
    expect(await missingFields(older)).to.deep.equal(['Trial spec.run', 'Trial spec.environment (optional)']);
  });
});
