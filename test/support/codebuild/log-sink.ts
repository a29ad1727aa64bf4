/** Where build logs go. */

export interface LogStream {
  write(line: string, at: number): void;
  /** Resolves when everything written so far can be read. */
  flush(): Promise<void>;
}

export interface LogSink {
  /** Makes group and stream, where they are not there. */
  open(group: string, stream: string): Promise<LogStream>;
}

/** Logs that stay in the process: `lines(group, stream)` reads them. */
export function memoryLogs(): LogSink & { lines(group: string, stream: string): string[] } {
  const streams = new Map<string, string[]>();
  const key = (group: string, stream: string): string => `${group}:${stream}`;
  return {
    async open(group, stream) {
      const lines: string[] = [];
      streams.set(key(group, stream), lines);
      return { write: (line) => void lines.push(line), flush: async () => {} };
    },
    lines: (group, stream) => streams.get(key(group, stream)) ?? [],
  };
}
