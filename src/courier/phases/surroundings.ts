/** What phases work with, and what comes before the first of them. */
import type { Hand } from '../hand/hand.ts';
import type { ModelProxy } from '../model-proxy/proxy.ts';
import type { ArtifactRecord } from '../record/artifacts.ts';
import type { Findings } from '../record/findings.ts';
import type { Scrubber } from '../record/scrub.ts';
import type { TrajectoryRecord } from '../record/trajectory.ts';
import type { Timeline } from '../record/timeline.ts';
import type { Services } from '../services/services.ts';
import type { Surroundings } from '../task/sequence.ts';
import { demandPlace } from './agent.ts';
import { awaitHealthy } from './healthcheck.ts';
import { placeSeeds } from './stage.ts';

/** Where a separate verifier works. */
export interface Apart {
  hand: Hand;
  /** Its /logs, as the courier has it. */
  logs: string;
  /** It has been there. */
  began?: boolean;
}

export interface PhaseDeps {
  hand: Hand;
  findings: Findings;
  artifacts: ArtifactRecord;
  trajectory: TrajectoryRecord;
  scrub: Pick<Scrubber, 'text'>;
  timeline: Timeline;
  note: (line: string) => void;
  stop: AbortSignal;
  paths: { control: string; logs: string };
  /** The courier calls the agent's model; missing: the agent does, or has none. */
  model?: Pick<ModelProxy, 'during'>;
  /** Separate verifiers, by the name of the container. */
  apart: ReadonlyMap<string, Apart>;
  /** Missing: main is alone. */
  services?: Pick<Services, 'begin' | 'find' | 'halt' | 'goOn' | 'end'>;
}

/** Makes the container what the image means it to be. */
export async function prepareSurroundings(
  { seeds, entrypoint, healthcheck }: Surroundings,
  { hand, note, stop, services }: Omit<PhaseDeps, 'apart'>,
): Promise<void> {
  if (seeds) await placeSeeds(hand, seeds);
  await services?.begin();
  if (entrypoint) {
    demandPlace(await hand.start(entrypoint), entrypoint);
    note(`entrypoint started: ${entrypoint.argv[0]}`);
  }
  if (healthcheck) await awaitHealthy(healthcheck, { hand, note, stop });
}
