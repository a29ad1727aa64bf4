import type { Trial } from '../../crds/trial.ts';
import { TaskBuild as TaskBuildKind } from '../../crds/kinds.ts';
import { Pod as PodKind } from '../../kube/kinds.ts';
import { isEnded, stateOf } from '../../results/state.ts';
import { safeLine } from '../../text/safe.ts';
import { style } from '../render/style.ts';
import type { Session } from '../../client/session/types.ts';
import type { Terminal } from '../types.ts';
import type { LogWish } from '../../client/logs/parts.ts';
import { trialLog, type LogSources } from '../../client/logs/logs.ts';
import { safeLines } from '../../client/logs/lines.ts';
import { podLogOf } from '../../client/logs/pod-log.ts';

/** Where a session's logs come from. */
export const logSources = (session: Session): LogSources => {
  const { kube, namespace } = session;
  return {
    podLog: podLogOf(session),
    store: () => session.store(),
    taskBuild: (name) => kube.get(TaskBuildKind, { namespace, name }),
    async podOfJob(job) {
      const labelSelector = `batch.kubernetes.io/job-name=${job}`;
      const [pod] = await kube.list(PodKind, { namespace, labelSelector });
      return pod?.metadata.name;
    },
  };
};

/** Prints a Trial's log: lines on stdout, what they are on stderr. With a prefix every line begins with it. */
export async function printLog(
  terminal: Terminal,
  {
    trial,
    sources,
    wish,
    prefix = '',
  }: { trial: Trial; sources: LogSources; wish: LogWish; prefix?: string },
): Promise<void> {
  const { parts, notes } = await trialLog(trial, sources, wish);
  const { faint } = style(terminal);
  const say = (text: string): void => terminal.err(`${faint(safeLine(prefix + text))}\n`);
  for (const note of notes) say(note);
  const before = prefix === '' ? '' : `${safeLine(prefix)} `;
  let printed = 0;
  for (const { title, lines } of parts) {
    if (parts.length > 1) say(`==> ${title} <==`);
    for await (const line of lines) {
      printed += 1;
      terminal.out(
        safeLines(line)
          .map((text) => `${before}${text}\n`)
          .join(''),
      );
    }
  }
  const { state, reason, message } = stateOf(trial);
  if (printed === 0 && !isEnded(state)) say(`nothing yet: ${reason}: ${message}`);
}
