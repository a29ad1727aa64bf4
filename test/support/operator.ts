/** The operator as src/operator.ts composes it, over ports and a time that the test chooses. */
import { readConfig } from '../../src/config.ts';
import { present } from '../../src/crds/present.ts';
import type { Kube } from '../../src/kube/connect.ts';
import { SbOperator } from '../../src/wiring.ts';
import type { Adapters } from '../../src/providers/profiles/profile.ts';

const config = readConfig({
  POD_NAME: 'test',
  SB_S3_ENDPOINT: 'http://s3.test',
  SB_S3_PUBLIC_ENDPOINT: 'http://s3.test',
  SB_IMAGE_REPOSITORY: 'registry.test/sandboxes',
  SB_BUILDKIT_ADDR: 'tcp://buildkit.test:1234',
  SB_BUILDCTL_IMAGE: 'buildctl:test',
  SB_COURIER_IMAGE: `operator@sha256:${'0'.repeat(64)}`,
  SB_BROKER_URL: 'https://broker.test:8443',
});

export interface TestOperatorOptions extends Adapters {
  kube: Kube;
  /** Of the replica; default: as if there was one. */
  identity?: string;
  /** Default: the operator’s own. */
  maxConcurrentBuilds?: number | undefined;
  now: () => Date;
}

export class TestOperator extends SbOperator {
  readonly #now: () => Date;

  constructor({ now, maxConcurrentBuilds, identity, ...parts }: TestOperatorOptions) {
    super({
      ...parts,
      config: { ...config, ...present({ maxConcurrentBuilds, identity }) },
      brokerCa: () => 'CA',
      authorities: undefined,
      addressesOf: async () => ['10.0.0.2'],
    });
    this.#now = now;
  }

  override get sources(): SbOperator['sources'] {
    return { ...super.sources, now: this.#now };
  }
}
