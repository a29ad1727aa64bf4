/** Files in a Sandbox. What can be done twice is, where it is not known whether it was done. */
import { Readable } from 'node:stream';
import { HandLost, Refused, type HandStream } from '../../../hand/stream.ts';
import type { SandboxRequest } from '../../../wire/sandbox/requests.ts';
import { SessionGone, type Connection } from '../connection/connection.ts';
import { asSandboxError } from '../refusals.ts';
import type { Contents, FileEntry, FileOptions, WriteOptions } from '../types.ts';

export interface FilesPlace {
  sandbox: string;
  connection: Connection;
}

/** So often a session may be lost under one and the same request. */
const TRIES = 5;

const as = ({ user }: FileOptions): { user?: string } => (user === undefined ? {} : { user });

/** Does it, and again where the courier was started again meanwhile. `what` follows “did not”. */
export async function again<T>(
  { sandbox }: FilesPlace,
  { what, signal, tries = TRIES }: { what: string; signal?: AbortSignal | undefined; tries?: number },
  work: () => Promise<T>,
): Promise<T> {
  for (let left = tries; ; left -= 1)
    try {
      signal?.throwIfAborted();
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof SessionGone) || left <= 1) throw asSandboxError(error, { sandbox, what });
    }
}

/** Whatever settles first; the stream is closed where the signal fires. */
export async function untilAborted<T>(
  { connection }: FilesPlace,
  { stream, signal }: { stream: HandStream; signal: AbortSignal | undefined },
  work: Promise<T>,
): Promise<T> {
  const stop = (): void => connection.closeStream(stream);
  signal?.addEventListener('abort', stop, { once: true });
  return work.finally(() => signal?.removeEventListener('abort', stop));
}

/** A request that one result answers. */
export async function ask(
  place: FilesPlace,
  request: SandboxRequest,
  signal?: AbortSignal,
): Promise<Record<string, unknown>> {
  const stream = place.connection.open(request);
  const ended = await untilAborted(place, { stream, signal }, stream.ended);
  if (ended.kind === 'result') return ended.result;
  throw new HandLost('the answer is no result');
}

/** What a request yields. Whoever stops reading ends it. Throws what the stream does. */
export async function* yielded(
  place: FilesPlace,
  request: SandboxRequest,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const { connection } = place;
  const stream = connection.open(request);
  const stop = (): void => connection.closeStream(stream);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of stream.output) yield chunk as Buffer;
    await stream.ended;
  } finally {
    signal?.removeEventListener('abort', stop);
    stop();
  }
}

/** Brings contents, no faster than they are taken; resolves to the result. */
export async function bring(
  place: FilesPlace,
  { request, signal }: { request: SandboxRequest; signal?: AbortSignal | undefined },
  contents: Contents,
): Promise<Record<string, unknown>> {
  const { connection } = place;
  const stream = connection.open(request);
  const pieces = typeof contents === 'string' || contents instanceof Uint8Array ? [contents] : contents;
  const send = async (): Promise<void> => {
    for await (const piece of pieces)
      for (const part of parts(typeof piece === 'string' ? Buffer.from(piece) : piece)) {
        await connection.room();
        if (!(await stream.input.write(part))) return;
      }
    stream.input.end();
  };
  const sending = send().catch((error: unknown) => {
    // Half of it must not count as all of it.
    connection.closeStream(stream);
    throw error;
  });
  const [ended] = await untilAborted(place, { stream, signal }, Promise.all([stream.ended, sending]));
  return ended.kind === 'result' ? ended.result : {};
}

const PART = 256 * 1024;

function* parts(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PART) yield bytes.subarray(at, at + PART);
}

/** The files of one Sandbox. Paths are absolute. Everything rejects with a SandboxError, or with the reason of its `signal`. */
export class Files {
  readonly #place: () => Promise<FilesPlace>;

  constructor(place: () => Promise<FilesPlace>) {
    this.#place = place;
  }

  /** Puts contents in place of what lies there, at once. A stream is read once: if contact is lost meanwhile, the file is as it was, or new. */
  async write(path: string, contents: Contents, options: WriteOptions = {}): Promise<void> {
    const { signal, mode } = options;
    const request = { op: 'write' as const, path, ...as(options), ...(mode !== undefined && { mode }) };
    const place = await this.#place();
    const isRepeatable = typeof contents === 'string' || contents instanceof Uint8Array;
    await again(place, { what: `write ${path}`, signal, ...(!isRepeatable && { tries: 1 }) }, () =>
      bring(place, { request, signal }, contents),
    );
  }

  /** As UTF-8; what is none is replaced by U+FFFD. */
  async text(path: string, options: FileOptions = {}): Promise<string> {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(await this.bytes(path, options));
  }

  async bytes(path: string, options: FileOptions = {}): Promise<Buffer> {
    return Buffer.concat(
      await this.#all({ op: 'read', path, ...as(options) }, `read ${path}`, options.signal),
    );
  }

  /** Errors come with the stream. */
  stream(path: string, options: FileOptions = {}): Readable {
    return Readable.from(this.#chunks(path, options), { objectMode: false });
  }

  async list(path: string, options: FileOptions & { max?: number } = {}): Promise<FileEntry[]> {
    const { max, signal } = options;
    const request = { op: 'list' as const, path, ...as(options), ...(max !== undefined && { max }) };
    const lines = Buffer.concat(await this.#all(request, `list ${path}`, signal))
      .toString()
      .split('\n');
    return lines.filter(Boolean).map((line) => JSON.parse(line) as FileEntry);
  }

  /** Rejects with SandboxRefused, `NotFound`, where nothing is there. Of a link, it is the link itself. */
  async stat(path: string, options: FileOptions = {}): Promise<FileEntry> {
    return (await this.#short(
      { op: 'stat', path, ...as(options) },
      `look at ${path}`,
      options,
    )) as unknown as FileEntry;
  }

  async remove(path: string, options: FileOptions & { recursive?: boolean } = {}): Promise<void> {
    const { recursive = false, signal } = options;
    const place = await this.#place();
    let tries = 0;
    await again(place, { what: `remove ${path}`, signal }, async () => {
      tries += 1;
      const removed = ask(place, { op: 'remove', path, recursive, ...as(options) }, signal);
      // The answer to an earlier one was lost.
      await removed.catch((error: unknown) => {
        if (tries === 1 || !(error instanceof Refused) || error.reason !== 'NotFound') throw error;
      });
    });
  }

  /** `parents`: makes what is missing above it too, and is content with what is there. */
  async mkdir(path: string, options: WriteOptions & { parents?: boolean } = {}): Promise<void> {
    const { parents = true, mode } = options;
    const request = {
      op: 'mkdir' as const,
      path,
      parents,
      ...as(options),
      ...(mode !== undefined && { mode }),
    };
    await this.#short(request, `make ${path}`, options);
  }

  async *#chunks(path: string, options: FileOptions): AsyncGenerator<Buffer> {
    const place = await this.#place();
    const request = { op: 'read' as const, path, ...as(options) };
    for (let tries = TRIES; ; tries -= 1) {
      let begun = false;
      try {
        for await (const chunk of yielded(place, request, options.signal)) {
          begun = true;
          yield chunk;
        }
        return;
      } catch (error) {
        options.signal?.throwIfAborted();
        // What was handed out already may be of another file.
        if (!(error instanceof SessionGone) || begun || tries <= 1)
          throw asSandboxError(error, { sandbox: place.sandbox, what: `read ${path}` });
      }
    }
  }

  async #all(request: SandboxRequest, what: string, signal?: AbortSignal): Promise<Buffer[]> {
    const place = await this.#place();
    return again(place, { what, signal }, () => Array.fromAsync(yielded(place, request, signal)));
  }

  async #short(
    request: SandboxRequest,
    what: string,
    { signal }: FileOptions,
  ): Promise<Record<string, unknown>> {
    const place = await this.#place();
    return again(place, { what, signal }, () => ask(place, request, signal));
  }
}
