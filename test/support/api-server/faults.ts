/** A request as fault rules see it. */
export interface SeenRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  watch: boolean;
  authorization: string | undefined;
  /** Number of the connection it came on. */
  connection: number;
}

export type Fault =
  /** The connection closes without an answer; nothing was done. */
  | { kind: 'drop' }
  /** The request is carried out, then the connection closes without an answer. */
  | { kind: 'lose-reply' }
  /** Never answered. */
  | { kind: 'stall' }
  | { kind: 'slow'; ms: number }
  | { kind: 'status'; status: number; reason?: string; retryAfterSeconds?: number }
  /** A watch goes wrong after so many lines. */
  | { kind: 'watch'; afterLines: number; how: WatchEnd };

/** `end`: cleanly; `truncate`: inside a line; `gone`: with an in-stream 410; `garbage`: with a line that is no JSON. */
export type WatchEnd = 'end' | 'drop' | 'truncate' | 'stall' | 'gone' | 'garbage';

export interface FaultRule {
  /** Default: every request. */
  on?: (request: SeenRequest) => boolean;
  fault: Fault;
  /** How often; default once. */
  times?: number;
  /** So many matching requests are let through first. */
  skip?: number;
}

/** The faults still to come. The first rule that fits a request decides. */
export class Faults {
  #rules: Required<FaultRule>[] = [];

  add({ on = () => true, fault, times = 1, skip = 0 }: FaultRule): void {
    this.#rules.push({ on, fault, times, skip });
  }

  clear(): void {
    this.#rules = [];
  }

  next(request: SeenRequest): Fault | undefined {
    for (const rule of this.#rules) {
      if (rule.times === 0 || !rule.on(request)) continue;
      if (rule.skip > 0) {
        rule.skip -= 1;
        continue;
      }
      rule.times -= 1;
      return rule.fault;
    }
    return undefined;
  }
}
