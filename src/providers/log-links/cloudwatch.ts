/** Log links into CloudWatch Logs, which the cluster's Fluent Bit fills. */
import { consoleUrl } from '../aws/partition.ts';
import type { LogLinks } from './port.ts';

export interface CloudWatchPlace {
  region: string;
  /** Name of the log group: `/sb/eks/logs`. */
  group: string;
}

/** A part of the console's fragment: percent-encoded twice, `%` written as `$`. */
const fragment = (text: string): string => encodeURIComponent(encodeURIComponent(text)).replaceAll('%', '$');

/** The console's page of a log stream. AWS documents no such address: this is what its own links look like. */
export const streamUrl = ({ region, group }: CloudWatchPlace, stream: string): string =>
  consoleUrl(region, `cloudwatch/home?region=${region}`) +
  `#logsV2:log-groups/log-group/${fragment(group)}/log-events/${fragment(stream)}`;

/** Stream `/<trial_name>` of the group: what docs/aws.md has Fluent Bit write. */
export function cloudwatchLogLinks(place: CloudWatchPlace): LogLinks {
  return {
    trial(trialName) {
      const stream = `/${trialName}`;
      return { url: streamUrl(place, stream), group: place.group, stream };
    },
  };
}
