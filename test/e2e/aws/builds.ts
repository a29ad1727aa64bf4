/** TaskBuilds on CodeBuild, as the stories make and await them. */
import { conditionOf } from '../../../src/crds/conditions.ts';
import { TaskBuild as TaskBuildKind } from '../../../src/crds/kinds.ts';
import { API_VERSION } from '../../../src/crds/names.ts';
import type { BuildReason } from '../../../src/crds/reasons.ts';
import type { BuildAttempt, TaskBuild, TaskBuildSpec } from '../../../src/crds/task-build.ts';
import type { Sparse } from '../../../src/client/runs/plan/types.ts';
import type { Aws } from '../../support/aws/index.ts';
import { eventually } from '../../support/eventually.ts';
import { world } from '../support/world.ts';
import { storeContext } from './context.ts';

/** Makes every run's contents new, so that what an earlier run has built is no help. */
export const NONCE = Date.now().toString(36);

export const BASE = 'FROM debian:bookworm-slim';

/** A context in the bucket as a spec names it. */
export async function contextOf(
  name: string,
  dockerfile: string,
): Promise<{ s3: { uri: string; sha256: string } }> {
  const { uri, sha256 } = await storeContext(`${name}-${NONCE}`, { Dockerfile: dockerfile, word: NONCE });
  return { s3: { uri, sha256 } };
}

/** A TaskBuild that a test tells a story about. */
export class BuildStory {
  readonly name: string;
  readonly #namespace: string;

  private constructor(name: string, namespace: string) {
    this.name = name;
    this.#namespace = namespace;
  }

  /** Makes the TaskBuild; `dockerfile` alone is its context, where the spec names none. */
  static async make(name: string, dockerfile: string, spec: Sparse<TaskBuildSpec> = {}): Promise<BuildStory> {
    const { kube, namespace } = world();
    const context = spec.context ?? (await contextOf(name, dockerfile));
    const manifest = {
      apiVersion: API_VERSION,
      kind: 'TaskBuild',
      metadata: { namespace, name },
      spec: { context, ...spec },
    };
    await kube.create(TaskBuildKind, manifest as TaskBuild);
    return new BuildStory(name, namespace);
  }

  get seen(): TaskBuild | undefined {
    return world().taskBuilds.get({ namespace: this.#namespace, name: this.name });
  }

  get attempts(): BuildAttempt[] {
    return this.seen?.status?.attempts ?? [];
  }

  #condition() {
    return this.seen && conditionOf(this.seen, 'Succeeded');
  }

  /** Waits for a reason; an end with another one fails at once. */
  reaches(reason: BuildReason, seconds = 120): Promise<TaskBuild> {
    const ask = (): TaskBuild | undefined => {
      const condition = this.#condition();
      if (condition?.reason === reason) return this.seen;
      if (condition !== undefined && condition.status !== 'Unknown')
        throw new Error(
          `TaskBuild ${this.name}: ${reason} expected, got ${condition.reason}: ${condition.message}`,
        );
      return undefined;
    };
    return eventually(`TaskBuild ${this.name}: ${reason}`, ask, seconds);
  }

  get message(): string {
    return this.#condition()?.message ?? '';
  }

  /** Builds at CodeBuild that were started for it. */
  startedAt({ codebuild }: Aws): Aws['codebuild']['builds'] {
    const uid = this.seen?.metadata.uid;
    return codebuild.builds.filter(({ environment }) =>
      environment.environmentVariables.some(({ value }) => value === uid),
    );
  }

  /** Waits until CodeBuild is in this phase of its first build. */
  async inPhase(aws: Aws, phase: string, seconds = 60): Promise<void> {
    const ask = () => this.startedAt(aws).find(({ currentPhase }) => currentPhase === phase);
    await eventually(`TaskBuild ${this.name}: phase ${phase}`, ask, seconds);
  }
}
