import { Event } from '../../../../kube/kinds.ts';
import { fine, problem, type Check, type Found, type Patient } from '../check-result.ts';

/** Events of longer ago are history. */
const RECENT_MS = 3_600_000;
/** As containerd, dockerd and registries word it. */
const LIMITED = /\b429\b|toomanyrequests|too many requests|pull rate limit/i;
const FULL = /no space left on device/i;

type Pull = Pick<Event, 'reason' | 'message' | 'lastTimestamp'> & { eventTime?: string | null };

/** Failed pulls of the last hour that a registry's limit or a full disk is behind. */
export function judgePulls(events: readonly Pull[], now: Date): Found[] {
  const recent = events.filter(({ lastTimestamp, eventTime, reason }) => {
    const at = Date.parse(lastTimestamp || (eventTime ?? ''));
    return reason === 'Failed' && now.getTime() - at <= RECENT_MS;
  });
  const limited = recent.filter(({ message }) => LIMITED.test(message));
  const full = recent.filter(({ message }) => FULL.test(message));
  const found = [
    ...(limited[0]
      ? [
          problem(
            'a registry limits the pulls of the nodes (429)',
            limited[0].message,
            'take images from a mirror: public.ecr.aws/docker/library/<image> in task.toml, or a pull-through cache (docs/aws.md#base-images)',
          ),
        ]
      : []),
    ...(full[0]
      ? [
          problem(
            'a node has no disk left for images',
            full[0].message,
            'kubectl describe nodes | grep -B5 -A5 DiskPressure    (a larger root volume, or fewer images)',
          ),
        ]
      : []),
  ];
  return found.length > 0
    ? found
    : [fine('no pull of an image was refused by a registry’s limit or a full disk in the last hour')];
}

export const imagePulls: Check<Patient> = {
  name: 'image-pulls',
  subject: 'pulls of images',
  run: async ({ session: { kube, namespace, now } }) =>
    judgePulls(await kube.list(Event, { namespace, fieldSelector: 'reason=Failed' }), now()),
};
