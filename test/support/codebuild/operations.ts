/** The operations: a checked request in, the answer out, an `AwsError` thrown. */
import { isDeepStrictEqual } from 'node:util';
import { BuildQueue } from './build-queue.ts';
import { BuildRun, type RunServices } from './build-run.ts';
import { invalidInput, limitExceeded, notFound } from './errors.ts';
import type { CodeBuildOptions, KnownCredentials } from './service.ts';
import type { Build, Project } from './model.ts';
import { newBuild } from './new-build.ts';
import type { Operation } from './operation.ts';
import { buildRecord, projectArn, projectRecord } from './record.ts';
import type { StartBuildRequest } from './requests.ts';

const TOKEN_MS = 5 * 60_000;
const PAGE = 100;

export type Settings = CodeBuildOptions & Omit<RunServices, 'queue'>;

interface Token {
  at: number;
  request: StartBuildRequest;
  run: BuildRun;
}

/** How late BatchGetBuilds is, in milliseconds. */
export type Staleness = { staleMs: number };

export class Operations {
  readonly runs: BuildRun[] = [];
  readonly ended = new Set<Promise<void>>();
  readonly #settings: Settings;
  readonly #services: RunServices;
  readonly #tokens = new Map<string, Token>();
  readonly #queueLimit: number;

  constructor(settings: Settings) {
    this.#settings = settings;
    const { quota = 60, queueLimit = quota * 5 } = settings;
    this.#services = { ...settings, queue: new BuildQueue(quota) };
    this.#queueLimit = queueLimit;
  }

  get builds(): Build[] {
    return this.runs.map(({ build }) => build);
  }

  /** Does what was asked. The request has been checked. */
  call(operation: Operation, request: unknown, by: KnownCredentials & Staleness): object {
    switch (operation) {
      case 'StartBuild':
        return this.#startBuild(request as StartBuildRequest, by);
      case 'StopBuild':
        return this.#stopBuild(request as { id: string });
      case 'BatchGetBuilds':
        return this.#batchGetBuilds(request as { ids: string[] }, by);
      case 'ListBuildsForProject':
        return this.#listBuilds(request as { projectName: string; sortOrder?: string; nextToken?: string });
      case 'BatchGetProjects':
        return this.#batchGetProjects(request as { names: string[] });
      default:
        return operation satisfies never;
    }
  }

  #startBuild(asked: StartBuildRequest, by: KnownCredentials): object {
    const [projectName, project] = this.#project(asked.projectName);
    const request = { ...asked, projectName };
    const run = this.#repeated(request) ?? this.#begin(request, project, by);
    return { build: buildRecord(run.build, this.#settings) };
  }

  /** The build that this token started within its life. */
  #repeated(request: StartBuildRequest): BuildRun | undefined {
    const token = this.#tokens.get(request.idempotencyToken ?? '');
    if (!token || this.#settings.clock.now() - token.at >= TOKEN_MS) return undefined;
    if (!isDeepStrictEqual(token.request, request)) {
      throw invalidInput(
        `Parameter mismatch: the idempotency token ${request.idempotencyToken} was used with other parameters`,
      );
    }
    return token.run;
  }

  #begin(request: StartBuildRequest, project: Project, by: KnownCredentials): BuildRun {
    const now = this.#settings.clock.now();
    const buildNumber = this.#ofProject(request.projectName).length + 1;
    const initiator = by.userName ?? 'operator';
    const build = newBuild({ request, project, place: this.#settings, buildNumber, initiator, now });
    this.#checkLimits(project, request.projectName);
    const run = new BuildRun(build, this.#services);
    this.runs.push(run);
    if (request.idempotencyToken) this.#tokens.set(request.idempotencyToken, { at: now, request, run });
    const ended = run.run().finally(() => this.ended.delete(ended));
    this.ended.add(ended);
    return run;
  }

  #checkLimits({ concurrentBuildLimit }: Project, projectName: string): void {
    const active = (runs: BuildRun[]): number => runs.filter(({ build }) => !build.buildComplete).length;
    const { quota = 60 } = this.#settings;
    if (concurrentBuildLimit !== undefined && active(this.#ofProject(projectName)) >= concurrentBuildLimit) {
      throw limitExceeded(`Cannot have more than ${concurrentBuildLimit} active builds for the project`);
    }
    if (active(this.runs) >= quota + this.#queueLimit) {
      throw limitExceeded(`Cannot have more than ${this.#queueLimit} builds in queue for the account`);
    }
  }

  #stopBuild({ id }: { id: string }): object {
    if (!id.includes(':')) throw invalidInput('Invalid build ID provided');
    const run = this.#run(id);
    if (!run) throw notFound(`Build ${id} does not exist`);
    run.stop();
    return { build: buildRecord(run.build, this.#settings) };
  }

  #batchGetBuilds({ ids }: { ids: string[] }, { staleMs }: Staleness): object {
    const then = this.#settings.clock.now() - staleMs;
    const found = new Map(ids.map((id) => [id, this.#run(id)?.phases.at(then)]));
    const builds = [...found.values()].filter((build) => build !== undefined);
    // AWS promises no order; the reverse shows who relied on one.
    return {
      builds: builds.toReversed().map((build) => buildRecord(build, this.#settings)),
      buildsNotFound: [...found.keys()].filter((id) => !found.get(id)),
    };
  }

  #listBuilds(request: { projectName: string; sortOrder?: string; nextToken?: string }): object {
    const [projectName] = this.#project(request.projectName);
    const ids = this.#ofProject(projectName).map(({ build }) => build.id);
    if (request.sortOrder && ids.length > PAGE) {
      throw invalidInput(`Cannot set sortOrder on a project with more than ${PAGE} builds`);
    }
    if (request.sortOrder !== 'ASCENDING') ids.reverse();
    const from = request.nextToken === undefined ? 0 : ids.indexOf(fromToken(request.nextToken)) + 1;
    if (request.nextToken !== undefined && from === 0) throw invalidInput('Invalid next token');
    const page = ids.slice(from, from + PAGE);
    const more = from + PAGE < ids.length;
    return { ids: page, ...(more && { nextToken: toToken(page.at(-1)!) }) };
  }

  #batchGetProjects({ names }: { names: string[] }): object {
    const found = names.map((name) => this.#find(name));
    return {
      projects: found
        .filter((p) => p !== undefined)
        .map(([name, project]) => projectRecord(name, project, this.#settings)),
      projectsNotFound: names.filter((_, i) => !found[i]),
    };
  }

  #ofProject = (name: string): BuildRun[] => this.runs.filter(({ build }) => build.projectName === name);

  /** By id or ARN. */
  #run = (id: string): BuildRun | undefined =>
    this.runs.find(({ build }) => build.id === id || build.arn === id);

  /** By name or ARN. */
  #find(given: string): [string, Project] | undefined {
    const isIt = (name: string): boolean => name === given || projectArn(name, this.#settings) === given;
    return Object.entries(this.#settings.projects).find(([name]) => isIt(name));
  }

  #project(given: string): [string, Project] {
    const found = this.#find(given);
    if (!found) throw notFound(`Project cannot be found: ${projectArn(given, this.#settings)}`);
    return found;
  }
}

const toToken = (id: string): string => Buffer.from(id).toString('base64url');
const fromToken = (token: string): string => Buffer.from(token, 'base64url').toString();
