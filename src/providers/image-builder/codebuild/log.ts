/** The end of a build’s log out of CloudWatch Logs. */
import {
  GetLogEventsCommand,
  type CloudWatchLogsClient,
  type OutputLogEvent,
} from '@aws-sdk/client-cloudwatch-logs';
import { codebuildError } from './errors.ts';

/** Enough to find the failed step’s heading above its excerpt. */
const EVENTS = 300;
/** A page may be short or empty while there is more; the token that comes back again says that there is not. */
const PAGES = 5;

/** Text of the last events; throws `ProviderError`. */
export type ReadLog = (group: string, stream: string) => Promise<string>;

export const cloudWatchLog =
  (client: CloudWatchLogsClient): ReadLog =>
  async (group, stream) => {
    try {
      const events = await lastEvents(client, group, stream);
      // An event holds its line’s end, or several lines of one write.
      return events.map(({ message = '' }) => (message.endsWith('\n') ? message : `${message}\n`)).join('');
    } catch (error) {
      const on = `log-group:${group}:log-stream:${stream}`;
      throw codebuildError({ call: `read ${on}`, action: 'logs:GetLogEvents', on }, error);
    }
  };

/** The last EVENTS events, the oldest first, from as many pages as that takes. */
async function lastEvents(
  client: CloudWatchLogsClient,
  logGroupName: string,
  logStreamName: string,
): Promise<OutputLogEvent[]> {
  const place = { logGroupName, logStreamName, limit: EVENTS, startFromHead: false };
  let events: OutputLogEvent[] = [];
  let nextToken: string | undefined;
  for (let page = 0; page < PAGES && events.length < EVENTS; page++) {
    const answer = await client.send(new GetLogEventsCommand({ ...place, ...(nextToken && { nextToken }) }));
    events = [...(answer.events ?? []), ...events];
    if (!answer.nextBackwardToken || answer.nextBackwardToken === nextToken) break;
    nextToken = answer.nextBackwardToken;
  }
  return events.slice(-EVENTS);
}
