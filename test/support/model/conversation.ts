/** A request and a reply in words that all protocols share. */
import type { Usage } from './script.ts';

export type JsonSchema = Record<string, unknown>;

/** A tool that the agent offers. */
export interface Tool {
  name: string;
  /** Undefined if the tool is the vendor's own. */
  parameters: JsonSchema | undefined;
}

/** Something the model said earlier, as the agent gives it back. */
export interface PastReply {
  /** Ids of its tool calls. */
  ids: string[];
  /** All strings in it: texts, and what the arguments of its calls hold. */
  strings: string[];
}

/** What is asked of the model. */
export interface ModelRequest {
  /** As written, so with the provider's name if there is one. */
  model: string;
  stream: boolean;
  tools: Tool[];
  past: PastReply[];
  /** System prompt and first messages, to see which form an agent without tools wants. */
  prompt: string;
  /** What the reply has to look like, if it has to be JSON. */
  schema?: JsonSchema;
  /** A stream of Chat Completions reports usage only if asked. */
  reportsUsage: boolean;
}

/** A call of a tool. */
export interface ToolCall {
  id: string;
  name: string;
  arguments: Record<string, unknown>;
}

/** What the model answers. */
export interface Reply {
  id: string;
  model: string;
  think: string;
  text: string;
  calls: ToolCall[];
  ends: 'stop' | 'calls' | 'length' | 'refusal' | 'filter';
  usage: Usage;
}

/** Ids carry the turn they belong to, so that a conversation tells how far it has come. */
export const idOf = (turn: number, part: number): string => `scripted_${turn}_${part}`;
/** The turn of an id that `idOf` made, undefined for any other. */
export const turnOfId = (id: string): number | undefined => {
  const found = /scripted_(\d+)_\d+/.exec(id);
  return found ? Number(found[1]) : undefined;
};
