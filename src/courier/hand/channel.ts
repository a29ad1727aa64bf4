/** The two FIFOs between courier and run.sh. */
import { closeSync, constants, existsSync, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lineSplitter } from './report.ts';

export interface Channel {
  order(line: string): void;
  close(): void;
}

export interface ChannelEvents {
  line: (line: string) => void;
  /** run.sh has ended: nobody holds the report's other end any more. */
  end: () => void;
}

const FIFO_POLL_MS = 10;

/** Opens the FIFOs as soon as the kubelet's postStart hook has made them. */
export async function openChannel(control: string, events: ChannelEvents): Promise<Channel> {
  const report = join(control, 'report');
  const cmd = join(control, 'cmd');
  while (!existsSync(report) || !existsSync(cmd)) await sleep(FIFO_POLL_MS);
  const reader = new Socket({
    fd: openSync(report, constants.O_RDONLY | constants.O_NONBLOCK),
    readable: true,
    writable: false,
  });
  reader.setEncoding('utf8');
  reader.on('data', lineSplitter(events.line));
  reader.once('close', events.end).on('error', () => reader.destroy());
  // For reading too, so that opening does not wait for run.sh and an early order waits in the pipe.
  const writer = openSync(cmd, constants.O_RDWR | constants.O_NONBLOCK);
  return {
    order: (line) => void writeSync(writer, `${line}\n`),
    close: () => {
      reader.destroy();
      closeSync(writer);
    },
  };
}
