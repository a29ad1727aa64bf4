/** The log of one build, with the lines that CodeBuild itself writes between those of the commands. */
import type { LogSink, LogStream } from './log-sink.ts';
import type { Build, BuildPhase, PhaseType } from './model.ts';

const stamp = (at: number): string => {
  const [day = '', time = ''] = new Date(at).toISOString().split('T');
  return `[Container] ${day.replaceAll('-', '/')} ${time.replace('Z', '000')}`;
};

/** The phases of the buildspec. */
const OF_SPEC: PhaseType[] = ['INSTALL', 'PRE_BUILD', 'BUILD', 'POST_BUILD'];
/** The phases whose end is in the log; the others happen outside the container. */
const LOGGED: PhaseType[] = ['DOWNLOAD_SOURCE', ...OF_SPEC, 'UPLOAD_ARTIFACTS'];

export class BuildLog {
  readonly #build: Build;
  readonly #now: () => number;
  #stream: LogStream | undefined;

  constructor(build: Build, now: () => number) {
    this.#build = build;
    this.#now = now;
  }

  /** Makes the stream; until then there is nothing to write to. */
  async open(sink: LogSink): Promise<void> {
    const { logs } = this.#build;
    if (!logs.enabled) return;
    this.#stream = await sink.open(logs.groupName, logs.streamName);
    logs.created = true;
    this.note('Running on CodeBuild On-demand');
  }

  write(text: string): void {
    for (const line of text.split('\n')) this.#stream?.write(line, this.#now());
  }

  note(text: string): void {
    this.write(`${stamp(this.#now())} ${text}`);
  }

  entering(type: PhaseType): void {
    if (OF_SPEC.includes(type)) this.note(`Entering phase ${type}`);
  }

  complete({ phaseType, phaseStatus, contexts = [] }: BuildPhase): void {
    if (!LOGGED.includes(phaseType)) return;
    this.note(`Phase complete: ${phaseType} State: ${phaseStatus}`);
    const [{ statusCode, message } = { statusCode: '', message: '' }] = contexts;
    this.note(`Phase context status code: ${statusCode} Message: ${message}`);
  }

  async flush(): Promise<void> {
    await this.#stream?.flush();
  }
}
