/** How far a conversation has come, told by the conversation itself. */
import { editCommand } from './commands.ts';
import { turnOfId, type PastReply } from './conversation.ts';
import { commandsOf, editsOf, type ReplyTurn, type Script } from './script.ts';

/** All strings in a JSON value; JSON in a string is opened. */
export function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') {
    const opened = value.startsWith('{') || value.startsWith('[') ? parsed(value) : undefined;
    return opened === undefined ? [value] : stringsIn(opened);
  }
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(stringsIn) : [];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isReply(turn: ReplyTurn, { strings }: PastReply): boolean {
  const commands = [...commandsOf(turn), ...editsOf(turn).map(editCommand)];
  if (commands.length > 0) {
    const edits = editsOf(turn);
    return (
      commands.some((command) => strings.some((text) => text.includes(command))) ||
      edits.some(({ path, text }) =>
        strings.some((said) => said.includes(path) && said.includes(text.trim())),
      )
    );
  }
  if (turn.call !== undefined) return stringsIn(turn.call.arguments).some((text) => strings.includes(text));
  return turn.say !== undefined && strings.some((text) => text.trim() === turn.say?.trim());
}

/**
 * Index of the scene that comes next. What the agent put into the model's mouth, as examples in its prompt, is not counted;
 * an agent that drops what was said (compaction) starts anew.
 */
export function positionIn(script: Script, past: readonly PastReply[]): number {
  let position = 0;
  for (const reply of past) {
    const told = reply.ids.map(turnOfId).filter((turn) => turn !== undefined);
    const found =
      told.length > 0
        ? Math.max(...told)
        : script.scenes.findIndex((scene, index) => index >= position && isReply(scene.reply, reply));
    if (found >= 0) position = found + 1;
  }
  return position;
}
