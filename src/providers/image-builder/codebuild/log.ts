/** The end of a build’s log out of CloudWatch Logs. */
import { GetLogEventsCommand, type CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { codebuildError } from './errors.ts';

/** Enough to find the failed step’s heading above its excerpt. */
const EVENTS = 300;

/** Text of the last events; throws `ProviderError`. */
export type ReadLog = (group: string, stream: string) => Promise<string>;

export const cloudWatchLog =
  (client: CloudWatchLogsClient): ReadLog =>
  async (group, stream) => {
    try {
      const { events = [] } = await client.send(
        new GetLogEventsCommand({
          logGroupName: group,
          logStreamName: stream,
          limit: EVENTS,
          startFromHead: false,
        }),
      );
      // An event holds its line’s end, or several lines of one write.
      return events.map(({ message = '' }) => (message.endsWith('\n') ? message : `${message}\n`)).join('');
    } catch (error) {
      const on = `log-group:${group}:log-stream:${stream}`;
      throw codebuildError({ call: `read ${on}`, action: 'logs:GetLogEvents', on }, error);
    }
  };
