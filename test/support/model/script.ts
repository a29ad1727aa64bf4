/** What a script says: data that knows neither the agent nor the protocol it is played to. */

/** Tokens of one reply, counted the way Anthropic counts: no token is in two of these, except `reasoning`. */
export interface Usage {
  /** Input that no cache held. */
  input: number;
  /** Everything the model wrote, `reasoning` included. */
  output: number;
  cacheRead: number;
  /** Gemini has no word for it and counts it as plain input. */
  cacheWrite: number;
  /** The part of `output` that was thinking. */
  reasoning: number;
}

export const failureNames = [
  'auth',
  'forbidden',
  'no-model',
  'bad-request',
  'context-length',
  'too-large',
  'rate-limit',
  'quota',
  'server',
  'overloaded',
] as const;
/** A refused request, whatever each protocol calls it. */
export type FailureName = (typeof failureNames)[number];

const failureOfStatus: Partial<Record<number, FailureName>> = {
  400: 'bad-request',
  401: 'auth',
  403: 'forbidden',
  404: 'no-model',
  413: 'too-large',
  429: 'rate-limit',
  500: 'server',
  503: 'overloaded',
  529: 'overloaded',
};

export interface FileEdit {
  path: string;
  /** The whole file as it is to be. */
  text: string;
}

/** One reply of the model. All that it has is said in one turn: thoughts, text, then one tool call for each command. */
export interface ReplyTurn {
  say?: string;
  think?: string;
  /** Commands; each becomes a call of the shell tool that the agent offers. */
  shell?: string | string[];
  /** Files to write: by the shell tool, or in the form that an agent without tools asks for. */
  edit?: FileEdit | FileEdit[];
  /** A call by name, whether or not such a tool is offered. */
  call?: { tool: string; arguments: Record<string, unknown> };
  /** How the reply ends if not normally: cut short by the token limit, the model declined, or a filter stopped it. */
  ends?: 'length' | 'refusal' | 'filter';
  usage?: Partial<Usage>;
  /** Seconds of silence before the first byte. */
  delay?: number;
  /** Plays this turn so many times in a row. */
  repeat?: number;
}

/** What goes wrong before the next reply comes through: for ever, or as often as `times` says. */
export type FaultTurn = { times?: number; delay?: number } & (
  | {
      /** A name, or an HTTP status that stands for one. */
      fail: FailureName | number;
      /** Seconds the server asks the client to wait. */
      retryAfter?: number;
      /** The failure arrives in a stream that began with 200. Without streaming it is a plain failure. */
      midstream?: boolean;
    }
  /** Half of the next reply, then the connection ends. */
  | { cut: true }
  /** The connection ends without a byte. */
  | { drop: true }
  /** Half of the next reply, so many seconds of silence, then the rest. */
  | { stall: number }
);

export type Turn = ReplyTurn | FaultTurn;

/** A script as it is written: turns, or turns for a client that offers no tools and makes no side calls (`plain`). */
export type ScriptSource = Turn[] | { turns: Turn[]; plain?: boolean };
/** Scripts by the name that a request's model has. */
export type ScriptSources = Record<string, ScriptSource>;

/** A position in a conversation: what may go wrong there, then the reply. */
export interface Scene {
  faults: FaultTurn[];
  reply: ReplyTurn;
}

/** A script as it is played. */
export interface Script {
  name: string;
  plain: boolean;
  scenes: Scene[];
}

/** What is said when the script has run out. */
export const lastWords: ReplyTurn = { say: 'Done.' };

/** The commands of a turn, in order. */
export const commandsOf = (turn: ReplyTurn): string[] => [turn.shell ?? []].flat();
/** The files a turn writes, in order. */
export const editsOf = (turn: ReplyTurn): FileEdit[] => [turn.edit ?? []].flat();

const replyFields = new Set(['say', 'think', 'shell', 'edit', 'call', 'ends', 'usage', 'delay', 'repeat']);
const faultFields = new Set(['fail', 'retryAfter', 'midstream', 'cut', 'drop', 'stall', 'times', 'delay']);

/** The failure that `fail` of a script names. @throws when nothing has that name or status. */
export function failureOf(fail: FailureName | number): FailureName {
  const name =
    typeof fail === 'number' ? failureOfStatus[fail] : failureNames.find((known) => known === fail);
  if (name === undefined) throw new Error(`no failure is called ${fail}`);
  return name;
}

const isFault = (turn: Turn): turn is FaultTurn =>
  ['fail', 'cut', 'drop', 'stall'].some((field) => field in turn);

function checkTurn(turn: Turn, where: string): void {
  const known = isFault(turn) ? faultFields : replyFields;
  const strange = Object.keys(turn).find((field) => !known.has(field));
  if (strange !== undefined) throw new Error(`${where} has the unknown field "${strange}"`);
  if ('fail' in turn) failureOf(turn.fail);
}

/** Reads a script: gathers the faults before each reply and writes out what is repeated. @throws on an unknown field or failure. */
export function readScript(name: string, source: ScriptSource): Script {
  const { turns, plain = false } = Array.isArray(source) ? { turns: source } : source;
  const scenes: Scene[] = [];
  let faults: FaultTurn[] = [];
  for (const [index, turn] of turns.entries()) {
    checkTurn(turn, `turn ${index + 1} of script "${name}"`);
    if (isFault(turn)) faults.push(turn);
    else {
      for (let played = 0; played < (turn.repeat ?? 1); played++) {
        scenes.push({ faults: played === 0 ? faults : [], reply: turn });
      }
      faults = [];
    }
  }
  if (faults.length > 0) scenes.push({ faults, reply: lastWords });
  return { name, plain, scenes };
}
