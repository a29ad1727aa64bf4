/** Pure: why an image cannot be pulled, by what kubelet and registry say. */
import type { Explained } from './evidence.ts';

interface PullFailure {
  pattern: RegExp;
  why: string;
  next: string;
}

const PULL_FAILURES: PullFailure[] = [
  {
    pattern: /\b429\b|toomanyrequests|rate limit/i,
    why: 'the registry limits our pulls (429); Docker Hub does so for everybody who is not logged in',
    next: 'wait, or pull through a mirror: SB_BASE_IMAGE_MIRRORS for builds, an ECR pull-through cache or a login for nodes',
  },
  {
    pattern: /no space left on device/i,
    why: 'the node’s disk is full',
    next: 'kubectl describe nodes | grep -i pressure    (give nodes larger disks)',
  },
  {
    pattern: /no matching manifest|no match for platform|exec format error/i,
    why: 'the image is not made for the nodes’ platform',
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
    why: 'the name is no image’s name',
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
export function imageFinding(message: string): Explained {
  const known = PULL_FAILURES.find(({ pattern }) => pattern.test(message));
  if (known) return { why: [known.why], next: [known.next] };
  return {
    why: ['the kubelet cannot pull the image'],
    next: ['kubectl describe pod    (its events have the registry’s answer)'],
  };
}

export const isAboutImage = (message: string): boolean =>
  /ImagePull|ErrImage|InvalidImageName|pulling image|pull image/i.test(message);
