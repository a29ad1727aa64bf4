/**
 * The program of a Trial's agent, as one image for the Trials of all namespaces: a TaskBuild in a namespace of the operator's own, whose Dockerfile
 * the operator writes. Of a Trial only the names of agent and version go into it.
 */
import type { Program } from '../../agents/agent.ts';
import { AUTHORITIES } from '../../agents/programs/portable.ts';
import { agentOf } from '../../agents/registry.ts';
import { Lru } from '../../async/lru.ts';
import { agentFacts } from '../../crds/agents.ts';
import {
  AGENT_CONTEXTS,
  AGENTS_NAMESPACE,
  API_VERSION,
  identityOf,
  LABEL,
  sha256,
} from '../../crds/names.ts';
import type { BuildTemplate, TaskBuild } from '../../crds/task-build.ts';
import type { Trial } from '../../crds/trial.ts';
import type { ImageSeen } from '../../images/image.ts';
import { seeImage, type ImageSources } from '../../images/see.ts';
import type { Store } from '../../kube/types.ts';
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import { packTexts } from '../../tasks/index.ts';

/** What an installation says of the programs of agents. */
export interface ProgramRules {
  /** `Install`: in each container, by a script. */
  how: 'Image' | 'Install';
  /** Authorities that their builds trust beside those of everybody, in PEM. */
  authorities: string | undefined;
  /** Versions, other than the one that this operator knows, that Trials of one namespace may have built. */
  versionsPerNamespace: number;
}

/** A program as it is built. */
interface ProgramBuild {
  agent: string;
  version: string;
  /** Whether the operator itself chose the version. */
  isKnown: boolean;
  /** The context's archive and its key in the bucket. */
  archive: Uint8Array;
  key: string;
  template: BuildTemplate;
}

const BUILD_SECONDS = 1800;
/** An archive is some 200 KB with authorities, and one a kilobyte without. */
const REMEMBERED = 50;

type ProgramSources = Omit<ImageSources, 'filesOf'> & {
  taskBuilds: Store<TaskBuild>;
  artifacts: Pick<ArtifactStore, 'put' | 'uri'>;
};

type Agents = (name: string) => { program?: Program } | undefined;

/** The programs of Trials' agents, as an installation has them made. */
export class Programs {
  readonly #rules: ProgramRules;
  readonly #agents: Agents;
  readonly #remembered = new Lru<ProgramBuild>(REMEMBERED);

  constructor(rules: ProgramRules, agents: Agents = agentOf) {
    this.#rules = rules;
    this.#agents = agents;
  }

  /** The image of a program; undefined where the agent has none, or none that is built. */
  async see(sources: ProgramSources, trial: Trial): Promise<ImageSeen | undefined> {
    const build = this.#buildOf(sources, trial);
    if (!build) return undefined;
    const image = await seeImage(
      { ...sources, filesOf: async () => undefined },
      {
        namespace: AGENTS_NAMESPACE,
        environment: { build: build.template },
        field: 'spec.agent',
        since: trial.metadata.creationTimestamp ?? '',
      },
    );
    const most = this.#rules.versionsPerNamespace;
    return described(build, oneTooMany(sources, trial, { build, image, most }) ?? image);
  }

  /** The TaskBuild that makes it, once its context is in the bucket. Rejects with ProviderError where the bucket does not take that. */
  async prepare(sources: Pick<ProgramSources, 'artifacts'>, trial: Trial, name: string): Promise<TaskBuild> {
    const build = this.#buildOf(sources, trial);
    if (!build) throw new Error(`the agent ${trial.spec.agent.name} has no program that is built`);
    await sources.artifacts.put(build.key, build.archive, { contentType: 'application/zip' });
    const asker = !build.isKnown && { [LABEL.askedBy]: identityOf(trial).namespace };
    return {
      apiVersion: API_VERSION,
      kind: 'TaskBuild',
      metadata: { name, namespace: AGENTS_NAMESPACE, labels: { [LABEL.agent]: build.agent, ...asker } },
      spec: { ...build.template, force: false, cancelled: false },
    };
  }

  #buildOf({ artifacts }: Pick<ProgramSources, 'artifacts'>, { spec }: Trial): ProgramBuild | undefined {
    const { name: agent, version: asked } = spec.agent;
    const program = this.#agents(agent)?.program;
    const known = agentFacts(agent)?.program?.version;
    const version = asked ?? known;
    if (this.#rules.how === 'Install' || spec.regrade || !program || version === undefined) return undefined;
    const id = `${agent} ${version}`;
    const before = this.#remembered.get(id);
    if (before) return before;
    const archive = archiveOf(program.dockerfile(version), this.#rules.authorities);
    const hash = sha256(archive);
    const key = `${AGENT_CONTEXTS}${hash}.zip`;
    const template = templateOf(artifacts.uri(key), hash);
    const build = { agent, version, isKnown: version === known, archive, key, template };
    this.#remembered.set(id, build);
    return build;
  }
}

/** No more than its Dockerfile and the authorities. */
const archiveOf = (dockerfile: string, authorities: string | undefined): Uint8Array =>
  packTexts({ Dockerfile: dockerfile, ...(authorities !== undefined && { [AUTHORITIES]: authorities }) });

const templateOf = (uri: string, hash: string): BuildTemplate => ({
  context: { s3: { uri, sha256: hash } },
  dockerfile: 'Dockerfile',
  timeoutSeconds: BUILD_SECONDS,
  queueTimeoutSeconds: BUILD_SECONDS,
});

/** Index of TaskBuilds by the namespace whose Trial asked for them. */
export const byAsker = ({ metadata }: TaskBuild): string[] => {
  const asker = metadata.namespace === AGENTS_NAMESPACE ? metadata.labels?.[LABEL.askedBy] : undefined;
  return asker === undefined ? [] : [asker];
};

/** The refusal of one version more than a namespace may have built; undefined where it may have this one. */
function oneTooMany(
  { taskBuilds }: ProgramSources,
  trial: Trial,
  { build, image, most }: { build: ProgramBuild; image: ImageSeen; most: number },
): ImageSeen | undefined {
  if (image.kind !== 'toBuild' || image.stale || build.isKnown) return undefined;
  const { namespace } = identityOf(trial);
  if (taskBuilds.by('askedBy', namespace).length < most) return undefined;
  return {
    kind: 'failed',
    reason: 'BuildFailed',
    message: `Trials of namespace ${namespace} have had ${most} versions built, as many as they may: use one of those or leave spec.agent.version out, or have an admin delete TaskBuilds in namespace ${AGENTS_NAMESPACE} with the label ${LABEL.askedBy}=${namespace}`,
  };
}

/** The same, told so that a reader knows whose image it is. */
function described({ agent, version, isKnown }: ProgramBuild, image: ImageSeen): ImageSeen {
  const what = `program of the agent ${agent} ${version}`;
  switch (image.kind) {
    case 'ready': {
      const { taskBuild } = image.image;
      return taskBuild === undefined
        ? image
        : { ...image, image: { ...image.image, taskBuild: `${AGENTS_NAMESPACE}/${taskBuild}` } };
    }
    case 'building':
      return {
        ...image,
        taskBuild: `${AGENTS_NAMESPACE}/${image.taskBuild}`,
        message: `${what}: in namespace ${AGENTS_NAMESPACE}, ${image.message}`,
      };
    case 'failed':
      return {
        ...image,
        message: `${what}: ${isKnown ? '' : `does this version exist? `}in namespace ${AGENTS_NAMESPACE}, ${image.message}`,
      };
    case 'unavailable':
      return { ...image, message: `${what}: ${image.message}` };
    case 'toBuild':
      return image;
    default:
      return image satisfies never;
  }
}
