/** Which part of which script answers a request. */
import { actsOnText, performed, simplestValue } from './commands.ts';
import { idOf, type ModelRequest, type Reply } from './conversation.ts';
import { positionIn } from './progress.ts';
import {
  failureOf,
  type FailureName,
  type FaultTurn,
  lastWords,
  readScript,
  type ReplyTurn,
  type Script,
  type ScriptSources,
  type Usage,
} from './script.ts';

/** How a reply reaches the client: as a whole, in half, not at all, or with so many seconds of silence in the middle. */
export type Delivery = 'whole' | 'cut' | 'drop' | { stall: number };

interface Where {
  script?: string;
  /** Index of the scene. Undefined for a side call. */
  turn?: number;
  /** Seconds before the first byte. */
  delay: number;
}

export type Played = Where &
  (
    | { kind: 'reply'; reply: Reply; delivery: Delivery }
    | { kind: 'failure'; name: FailureName; midstream: boolean; retryAfter?: number }
  );

const nothing: Usage = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
const usualUsage: Usage = { ...nothing, input: 10, output: 5 };
const sideUsage: Usage = { ...nothing, input: 3, output: 2 };

/** Models that agents use beside the one they are given, for titles and summaries. */
const smallModel = /haiku|flash|lite|mini|nano|small/i;

/** `anthropic/solve-edit~7` plays `solve-edit`; what follows `~` only keeps its counters apart from those of others. */
const scriptName = (model: string): string => model.replace(/^.*\//, '').replace(/~.*$/, '');

const isSideCall = (request: ModelRequest, script: Script | undefined): boolean =>
  request.tools.length === 0 && script?.plain !== true && !actsOnText(request.prompt);

function sideReply({ model, schema }: ModelRequest): Reply {
  const text = schema ? JSON.stringify(simplestValue(schema)) : 'Scripted';
  return { id: 'scripted_side', model, think: '', text, calls: [], ends: 'stop', usage: sideUsage };
}

function replyOf(turn: ReplyTurn, request: ModelRequest, position: number): Reply {
  const { text, calls } = performed(turn, request, position);
  return {
    id: idOf(position, 0),
    model: request.model,
    think: turn.think ?? '',
    text,
    calls,
    ends: turn.ends ?? (calls.length > 0 ? 'calls' : 'stop'),
    usage: turn.usage ? { ...nothing, ...turn.usage } : usualUsage,
  };
}

function deliveryOf(fault: FaultTurn | undefined): Delivery {
  if (fault === undefined || 'fail' in fault) return 'whole';
  if ('stall' in fault) return { stall: fault.stall };
  return 'cut' in fault ? 'cut' : 'drop';
}

/** Plays scripts. All it remembers is how often each fault with `times` came, for each key and model. */
export class Player {
  readonly scripts: ReadonlyMap<string, Script>;
  readonly #came = new Map<string, number>();

  /** @throws when a script has an unknown field or failure. */
  constructor(sources: ScriptSources) {
    this.scripts = new Map(Object.entries(sources).map(([name, source]) => [name, readScript(name, source)]));
  }

  /** The answer to a request of the key with this name. Counts the fault it meets, so ask once a request. */
  play(request: ModelRequest, key: string): Played {
    const script = this.scripts.get(scriptName(request.model));
    const isSide = isSideCall(request, script);
    if (script === undefined && !(isSide && smallModel.test(request.model))) {
      return { kind: 'failure', name: 'no-model', midstream: false, delay: 0 };
    }
    if (script === undefined || isSide) {
      return { kind: 'reply', reply: sideReply(request), delivery: 'whole', delay: 0 };
    }
    return this.#scene(script, request, key);
  }

  #scene(script: Script, request: ModelRequest, key: string): Played {
    const turn = positionIn(script, request.past);
    const { faults, reply } = script.scenes[turn] ?? { faults: [], reply: lastWords };
    const fault = this.#fault(faults, JSON.stringify([key, request.model, turn]));
    const where = { script: script.name, turn, delay: fault?.delay ?? reply.delay ?? 0 };
    if (fault && 'fail' in fault) {
      const { fail, midstream = false, retryAfter } = fault;
      const name = failureOf(fail);
      return { ...where, kind: 'failure', name, midstream, ...(retryAfter !== undefined && { retryAfter }) };
    }
    return { ...where, kind: 'reply', reply: replyOf(reply, request, turn), delivery: deliveryOf(fault) };
  }

  /** The first fault that has not come as often as it should. */
  #fault(faults: readonly FaultTurn[], where: string): FaultTurn | undefined {
    for (const [index, fault] of faults.entries()) {
      if (fault.times === undefined) return fault;
      const counter = `${where} ${index}`;
      const came = this.#came.get(counter) ?? 0;
      if (came < fault.times) {
        this.#came.set(counter, came + 1);
        return fault;
      }
    }
    return undefined;
  }
}
