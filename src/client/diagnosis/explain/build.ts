/** Pure: why a TaskBuild is where it is. */
import { conditionOf } from '../../../crds/conditions.ts';
import type { BuildReason } from '../../../crds/reasons.ts';
import type { TaskBuild } from '../../../crds/task-build.ts';
import { OPERATOR_LOG } from '../../../installation/names.ts';
import type { Explained } from './evidence.ts';

type Advice = (build: TaskBuild) => Explained;

const say =
  (why: string, ...next: string[]): Advice =>
  () => ({ why: [why], next });

const buildLog = 'sb trial logs <trial> --phase build';
const again = 'the operator retries';

const messageOf = (build: TaskBuild): string => conditionOf(build, 'Succeeded')?.message ?? '';

/** What every reason of a TaskBuild means to the one who waits, and what to do. */
const BUILD_ADVICE: Record<BuildReason, Advice> = {
  Pending: say('the operator has not looked at the build yet', 'wait a few seconds', OPERATOR_LOG),
  WaitingForSlot: say(
    'other builds run first: the operator runs a limited number at once',
    'wait; SB_MAX_CONCURRENT_BUILDS and SB_MAX_BUILDS_PER_NAMESPACE of the operator raise the limits',
  ),
  QuotaExceeded: say(
    'the builder’s own quota is used up',
    again,
    'ask for a higher quota of concurrent builds (CodeBuild: Service Quotas)',
  ),
  BuilderNotAnswering: say('the builder does not take builds at the moment', again, OPERATOR_LOG),
  Queued: (build) => ({
    why: [`the builder has the build and has not started it: ${messageOf(build)}`],
    next: [`kubectl get pods -l sb.abundant.ai/task-build    (in-cluster builds: does its Pod have a node?)`],
  }),
  Building: say('the image is being built', `${buildLog} -f`),
  Retrying: say('the builder failed, not the Dockerfile; the next attempt follows', again, buildLog),
  RegistryUnavailable: say('the registry does not answer the operator', again, 'sb doctor'),
  Built: say('the image was built', 'nothing to do'),
  ImageExists: say('the image already existed', 'nothing to do'),
  Cancelled: say('someone cancelled the build', 'sb run rerun <run>    (builds again)'),
  ContextNotFound: say(
    'the files of the build context do not exist',
    'run it again with sb cloud run, which uploads them',
  ),
  ContextMismatch: say(
    'the files of the build context changed after they were uploaded',
    'run it again with sb cloud run, which uploads them under their own version',
  ),
  DockerfileFailed: failedStep,
  BaseImageNotFound: say(
    'an image that the Dockerfile needs does not exist',
    'correct FROM in environment/Dockerfile',
    buildLog,
  ),
  FrontendNotFound: say(
    'the frontend that the Dockerfile asks for does not exist',
    'leave the line # syntax= out of environment/Dockerfile, or correct it',
    buildLog,
  ),
  BaseImageRateLimited: () => imageExplained('toomanyrequests'),
  PushDenied: say(
    'the registry refuses the image',
    'give the builder the right to push to the repository',
    buildLog,
  ),
  RepositoryNotAllowed: say(
    'the operator pushes only to its own repository and to those in SB_IMAGE_REPOSITORIES',
    'leave out build.repository, or have the operator allow it',
  ),
  TagImmutable: say(
    'another client pushed the same tag in every attempt',
    'sb run rerun <run> --only error=BuildFailed',
  ),
  QueueTimeout: say('the build did not start in time', 'kubectl get taskbuilds    (do many wait?)'),
  BuildTimeout: say(
    'the build exceeded its timeout',
    'sb cloud run … --environment-build-timeout-multiplier 2',
    buildLog,
  ),
  BuildStopped: say('someone stopped the build in the builder', buildLog),
  BuilderUnavailable: say(
    'the builder did not answer, or lost the build, in every attempt',
    'sb doctor',
    OPERATOR_LOG,
  ),
  BuilderFault: say('the builder failed and ended the build, in every attempt', buildLog),
  BuilderAccessDenied: say(
    'the operator may not use the builder',
    'give its role what the message names (docs/aws.md)',
  ),
  BuilderNotFound: say(
    'the builder’s project, bucket or login does not exist',
    'docs/aws.md lists all of them',
  ),
  BuildRejected: say('the builder can never run this build', 'correct what the message names'),
  BackendNotConfigured: say(
    'this operator has no such builder',
    'leave out build.backend, or install the operator with that builder',
  ),
};

function failedStep(build: TaskBuild): Explained {
  const attempt = build.status?.attempts?.at(-1);
  return {
    why: [
      'a step of the Dockerfile failed',
      ...(attempt?.failedStep === undefined ? [] : [`the step: ${attempt.failedStep}`]),
    ],
    next: [buildLog, 'correct environment/Dockerfile, then run it again'],
  };
}

/** What there is to say of a build, its own sentence included. */
export function buildExplained(build: TaskBuild | undefined): Explained | undefined {
  if (!build) return undefined;
  const { reason = 'Pending', message = '' } = conditionOf(build, 'Succeeded') ?? {};
  const advice = Object.hasOwn(BUILD_ADVICE, reason) ? BUILD_ADVICE[reason as BuildReason] : undefined;
  const { why, next } = advice?.(build) ?? { why: [], next: [buildLog] };
  const said = `TaskBuild ${build.metadata.name}: ${reason}${message === '' ? '' : `: ${message}`}`;
  return { why: [...why, said], next };
}

interface PullFailure {
  pattern: RegExp;
  why: string;
  next: string;
}

const PULL_FAILURES: PullFailure[] = [
  {
    pattern: /\b429\b|toomanyrequests|rate limit/i,
    why: 'the registry limits pulls (429), as Docker Hub does for everyone who is not logged in',
    next: 'wait, or pull through a mirror: SB_BASE_IMAGE_MIRRORS (docs/aws.md#base-images)',
  },
  {
    pattern: /no space left on device/i,
    why: 'the node’s disk is full',
    next: 'kubectl describe nodes | grep -i pressure    (give nodes larger disks)',
  },
  {
    pattern: /no matching manifest|no match for platform|exec format error/i,
    why: 'the image is not built for the nodes’ platform',
    next: 'kubectl get nodes -L kubernetes.io/arch    (build the image for it, or choose nodes by scheduling.nodeSelector)',
  },
  {
    pattern: /unauthorized|authentication required|denied|\b40[13]\b|no basic auth/i,
    why: 'the registry refuses: the nodes have no, or no longer a valid, login for it',
    next: 'give the nodes’ role the right to pull, or make the image public',
  },
  {
    pattern: /not found|manifest unknown|\b404\b|does not exist/i,
    why: 'the registry has no such image: a wrong name or tag, or it was removed',
    next: 'correct the name; an image that was built and then removed is built again by: sb cloud run --force-build',
  },
  {
    pattern: /InvalidImageName|invalid reference/i,
    why: 'the image reference is not valid',
    next: 'correct docker_image in task.toml, or environment.image',
  },
  {
    pattern: /x509|certificate/i,
    why: 'the nodes do not trust the registry’s certificate',
    next: 'give containerd on the nodes the registry’s CA',
  },
  {
    pattern:
      /no such host|i\/o timeout|connection refused|dial tcp|deadline exceeded|EOF|reset by peer|\b50[0234]\b/i,
    why: 'the nodes do not reach the registry',
    next: 'try from a node: crictl pull <image>    (DNS, NAT gateway, firewall, proxy; is the registry up?)',
  },
];

/** What a message about an image comes to; the last word is general where nothing in it is known. */
export function imageExplained(message: string): Explained {
  const known = PULL_FAILURES.find(({ pattern }) => pattern.test(message));
  if (known) return { why: [known.why], next: [known.next] };
  return {
    why: ['the kubelet cannot pull the image'],
    next: ['kubectl describe pod    (its events have the registry’s answer)'],
  };
}

export const isAboutImage = (message: string): boolean =>
  /ImagePull|ErrImage|InvalidImageName|pulling image|pull image/i.test(message);
