/** Build logs in CloudWatch Logs, or what stands in for it. */
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
  ResourceAlreadyExistsException,
  type InputLogEvent,
} from '@aws-sdk/client-cloudwatch-logs';
import type { LogSink, LogStream } from './log-sink.ts';

export interface CloudWatchOptions {
  region: string;
  endpoint: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
}

/** How long lines wait for others to go with them. */
const BATCH_MS = 500;
/** PutLogEvents takes so many events and, with 26 bytes for each, so many bytes; one event is at most 256 KiB. */
const BATCH = { events: 10_000, bytes: 2 ** 20, overhead: 26 };
const MAX_EVENT = 2 ** 18 - BATCH.overhead;

const eventBytes = ({ message = '' }: InputLogEvent): number => Buffer.byteLength(message) + BATCH.overhead;

/** Splits events into batches that AWS takes. */
export function batches(events: InputLogEvent[]): InputLogEvent[][] {
  const made: InputLogEvent[][] = [];
  let room = 0;
  for (const event of events) {
    const bytes = eventBytes(event);
    if (bytes > room || made.at(-1)!.length === BATCH.events) {
      made.push([]);
      room = BATCH.bytes;
    }
    made.at(-1)!.push(event);
    room -= bytes;
  }
  return made;
}

const cut = (line: string): string => Buffer.from(`${line}\n`).subarray(0, MAX_EVENT).toString();

class CloudWatchStream implements LogStream {
  readonly #put: (events: InputLogEvent[]) => Promise<unknown>;
  #waiting: InputLogEvent[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sent: Promise<unknown> = Promise.resolve();

  constructor(put: (events: InputLogEvent[]) => Promise<unknown>) {
    this.#put = put;
  }

  write(line: string, at: number): void {
    this.#waiting.push({ timestamp: at, message: cut(line) });
    // A failure shows at the next flush.
    this.#timer ??= setTimeout(() => void this.flush().catch(() => {}), BATCH_MS);
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = this.#waiting;
    this.#waiting = [];
    for (const batch of batches(events)) this.#sent = this.#sent.then(() => this.#put(batch));
    await this.#sent;
  }
}

const unlessThere = (error: unknown): void => {
  if (!(error instanceof ResourceAlreadyExistsException)) throw error;
};

/** `close` ends the connections, for the end of a test. */
export function cloudWatchLogs(options: CloudWatchOptions): LogSink & { close(): void } {
  const client = new CloudWatchLogsClient(options);
  return {
    async open(logGroupName, logStreamName) {
      await client.send(new CreateLogGroupCommand({ logGroupName })).catch(unlessThere);
      await client.send(new CreateLogStreamCommand({ logGroupName, logStreamName })).catch(unlessThere);
      return new CloudWatchStream((logEvents) =>
        client.send(new PutLogEventsCommand({ logGroupName, logStreamName, logEvents })),
      );
    },
    close: () => client.destroy(),
  };
}
