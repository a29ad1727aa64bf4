/** The two FIFOs between courier and run.sh. */
import { closeSync, constants, existsSync, openSync, readSync, writeSync } from 'node:fs';
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
/** What a FIFO holds. */
const FIFO_BYTES = 65_536;

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
    order: (line) => send(writer, line),
    close: () => {
      reader.destroy();
      closeSync(writer);
    },
  };
}

/** The newline before it ends what a stranger may have left there half. */
function send(writer: number, line: string): void {
  try {
    writeSync(writer, `\n${line}\n`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    // Filled by a stranger while nobody reads: what lies there is no order of ours, for there is one at a time.
    readSync(writer, Buffer.alloc(FIFO_BYTES));
    writeSync(writer, `\n${line}\n`);
  }
}
