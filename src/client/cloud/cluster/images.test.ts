import { expect } from 'chai';
import { ARTIFACTS, cloudOf } from '../../../../test/support/cloud.ts';
import { memoryArtifactStore } from '../../../providers/artifact-store/memory.ts';
import type { ImageRegistry } from '../../../providers/image-registry/port.ts';
import type { ToolPorts } from '../../../providers/profiles/tools.ts';
import type { ToolBuild, ToolBuilder, ToolBuildState } from '../../../providers/tool-builder/port.ts';
import { imagesStep, toolImages, type OperatorSource } from './images.ts';

const ARCHIVE: OperatorSource = { kind: 'context', archive: new TextEncoder().encode('archive') };
const RELEASED: OperatorSource = {
  kind: 'image',
  reference: `ghcr.example/sb-operator@sha256:${'2'.repeat(64)}`,
};

/** A builder that pushes into the same registry what it is told to, in two looks; tokens are found again. */
class World implements ToolBuilder {
  readonly pushed = new Set<string>();
  readonly builds: ToolBuild[] = [];
  /** What becomes of the next builds. */
  readonly fates: ('succeeded' | 'failed')[] = [];
  readonly #looks = new Map<string, number>();
  readonly store = memoryArtifactStore({ bucket: ARTIFACTS.Bucket });

  async start(build: ToolBuild): Promise<string> {
    const known = this.builds.findIndex(({ token }) => token === build.token);
    if (known >= 0) return `b:${known}`;
    return `b:${this.builds.push(build) - 1}`;
  }

  async state(id: string): Promise<ToolBuildState> {
    const looks = (this.#looks.get(id) ?? 0) + 1;
    this.#looks.set(id, looks);
    if (looks < 2) return { kind: 'running', phase: 'BUILD' };
    const index = Number(id.slice(2));
    if (this.fates[index] === 'failed') return { kind: 'failed', phase: 'BUILD', log: 'toomanyrequests' };
    const { copies, image } = this.builds[index]!;
    for (const { target } of [...copies, ...(image ? [image] : [])]) this.pushed.add(target);
    return { kind: 'succeeded' };
  }

  get ports(): ToolPorts {
    const registry: ImageRegistry = {
      resolve: async (text) =>
        this.pushed.has(text)
          ? { reference: `${text.slice(0, text.lastIndexOf(':'))}@sha256:1`, digest: 'sha256:1' }
          : undefined,
      config: () => Promise.reject(new Error('not asked')),
    };
    return { builder: this, registry: () => registry, store: this.store };
  }
}

describe('The images of an installation', () => {
  let world: World;
  const stepOf = (source: OperatorSource) => {
    const options = { version: '1.2.3', operator: async () => source, open: async () => world.ports };
    const images = toolImages(options);
    return { step: imagesStep(options, images), images };
  };
  const failure = (work: Promise<unknown>): Promise<{ code: string; message: string }> =>
    work.then(
      () => expect.fail('it did not fail'),
      (error: unknown) => error as { code: string; message: string },
    );
  beforeEach(() => {
    world = new World();
  });

  it('are not there before there is a stack', async () => {
    expect(await stepOf(RELEASED).step.isDone(cloudOf({ outputs: {} }))).to.equal(false);
  });

  it('are copied by one build, and known by digest', async () => {
    const { step, images } = stepOf(RELEASED);
    const cloud = cloudOf();
    expect(await step.isDone(cloud)).to.equal(false);
    await step.make(cloud);
    expect(world.builds).to.have.lengthOf(1);
    expect(world.builds[0]?.copies).to.deep.include({
      source: RELEASED.kind === 'image' ? RELEASED.reference : '',
      target: `${ARTIFACTS.Operator}:1.2.3`,
    });
    expect(await step.isDone(cloud)).to.equal(true);
    expect(await images.names(cloud)).to.deep.equal({
      operator: `${ARTIFACTS.Operator}@sha256:1`,
      buildKit: `${ARTIFACTS.BuildKit}@sha256:1`,
      fluentBit: `${ARTIFACTS.Tools}/fluent-bit@sha256:1`,
    });
  });

  it('are built of a checkout, whose archive is stored by its digest, and another one is another image', async () => {
    const cloud = cloudOf();
    await stepOf(ARCHIVE).step.make(cloud);
    const [{ image } = {}] = world.builds;
    expect(image?.target).to.match(/:1\.2\.3-[0-9a-f]{12}$/);
    const { bucket, key, sha256 } = image!.context;
    expect([bucket, key]).to.deep.equal([ARTIFACTS.Bucket, `install/${sha256}.zip`]);
    expect(await world.store.head(key)).to.not.equal(undefined);
    const other = stepOf({ kind: 'context', archive: new TextEncoder().encode('other') });
    expect(await other.step.isDone(cloud)).to.equal(false);
  });

  it('are made by the build of whoever came first', async () => {
    const { step } = stepOf(RELEASED);
    await Promise.all([step.make(cloudOf()), step.make(cloudOf())]);
    expect(world.builds).to.have.lengthOf(1);
  });

  it('say what the build said where it failed, and are made anew by the same command', async () => {
    const { step } = stepOf(RELEASED);
    world.fates.push('failed', 'succeeded');
    const { code, message } = await failure(step.make(cloudOf()));
    expect(code).to.equal('SB-E132');
    expect(message).to.contain('toomanyrequests');
    await step.make(cloudOf());
    expect(world.builds).to.have.lengthOf(2);
    expect(await step.isDone(cloudOf())).to.equal(true);
  });

  it('have no names before they are there', async () => {
    expect((await failure(stepOf(RELEASED).images.names(cloudOf()))).code).to.equal('SB-E132');
  });
});
