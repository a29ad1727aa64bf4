/** An executor that does what a test writes down instead of running anything. */
import { PhaseFailure, type BuildSession, type ContainerPhase, type Executor } from './executor.ts';
import type { Build } from './model.ts';

/** What happens in a build; every part may be left out. */
export interface Script {
  /** How long each phase takes, in milliseconds; default 0. */
  ms?: Partial<Record<ContainerPhase, number>>;
  /** Lines of the BUILD phase. */
  log?: string[];
  /** Exported variables, set in the BUILD phase. */
  exports?: Record<string, string>;
  /** The phase fails at its end. */
  fail?: { phase: ContainerPhase; message: string; statusCode?: string };
  /** Called in the BUILD phase, as a push would be. */
  effect?: () => void | Promise<void>;
}

async function produce({ log = [], effect, exports = {} }: Script, session: BuildSession): Promise<void> {
  for (const line of log) session.log(line);
  await effect?.();
  session.exportVariables(Object.entries(exports).map(([name, value]) => ({ name, value })));
}

async function work(script: Script, type: ContainerPhase, session: BuildSession): Promise<void> {
  const { ms, fail } = script;
  await session.sleep(ms?.[type] ?? 0);
  const fails = fail?.phase === type;
  if (type === 'BUILD') await produce(fails ? { ...script, exports: {}, effect: () => {} } : script, session);
  if (fails) throw new PhaseFailure(fail.statusCode ?? 'COMMAND_EXECUTION_ERROR', fail.message);
}

/** Runs builds by the script that `scriptOf` gives each. */
export function scriptedExecutor(scriptOf: (build: Build) => Script = () => ({})): Executor {
  return {
    async run(build, session) {
      const script = scriptOf(build);
      const phase = (type: ContainerPhase): Promise<boolean> =>
        session.phase(type, () => work(script, type, session));
      for (const type of ['DOWNLOAD_SOURCE', 'INSTALL', 'PRE_BUILD'] as const) {
        if (!(await phase(type))) return;
      }
      for (const type of ['BUILD', 'POST_BUILD', 'UPLOAD_ARTIFACTS'] as const) await phase(type);
    },
  };
}
