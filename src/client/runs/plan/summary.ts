/** A plan in numbers, before it costs anything. */
import { contextFiles } from '../../../tasks/hash.ts';
import { isVerifierRole, rolesOf } from '../../../crds/trial-status.ts';
import { amountOf } from '../../../crds/refusals.ts';
import { effectiveSpecs } from './effective.ts';
import { trialCount, type RunPlan } from './types.ts';

export interface PlanSummary {
  tasks: number;
  /** As many Pods, if nothing is retried. */
  trials: number;
  /** Environments that are built, unless they were before: name and SHA-256 of the context. */
  builds: string[];
  /** Ready-made images. */
  images: string[];
  /** What all task containers and services request together, the couriers' own not counted. */
  requests: { cores: number; memoryBytes: number; storageBytes: number };
  /** Bytes of the tasks' files before packing. */
  bytes: number;
}

export function summary(plan: RunPlan): PlanSummary {
  const specs = effectiveSpecs(plan);
  const wanted = specs.flatMap(({ environments }) =>
    rolesOf(environments).flatMap(([role, { resources }]) =>
      isVerifierRole(role) ? [] : [resources.requests],
    ),
  );
  const environments = specs.flatMap((spec) => rolesOf(spec.environments).map(([, one]) => one));
  const builds = [...environments.map(({ build }) => build), ...plan.tasks.map(({ build }) => build?.spec)];
  const files = plan.tasks.flatMap(({ task, testContexts = {} }) => [
    ...task.files,
    ...contextFiles(task),
    ...Object.keys(testContexts).flatMap((folder) => contextFiles(task, folder)),
  ]);
  return {
    tasks: plan.tasks.length,
    trials: trialCount(plan),
    builds: distinct(builds.map((build) => build && `${build.tag} ${build.context?.s3?.sha256}`)),
    images: distinct(environments.map(({ image }) => image)),
    requests: {
      cores: sum(wanted.map(({ cpu }) => amountOf(cpu))),
      memoryBytes: sum(wanted.map(({ memory }) => amountOf(memory))),
      storageBytes: sum(wanted.map((one) => amountOf(one['ephemeral-storage']))),
    },
    bytes: sum(files.map(({ size }) => size)),
  };
}

const sum = (numbers: number[]): number => numbers.reduce((all, one) => all + one, 0);

const distinct = (texts: (string | undefined)[]): string[] =>
  [...new Set(texts)].filter((text) => text !== undefined).sort();
